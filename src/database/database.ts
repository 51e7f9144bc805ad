/** The database that the gateway works on, ready to use. */
import type { Pool } from 'pg';
import { ConfigError, type Config } from '../config.ts';
import { startLocalServer } from '../local.ts';
import { checkPool, createPool } from './pool.ts';
import { migrate } from './migrate.ts';
import { seed } from './seed.ts';
import { withSession } from './session.ts';
import { Standby } from './standby.ts';
import { STATEMENT_TIMEOUT_MS } from '../http/timeouts.ts';

export interface Pools {
  /** For GraphQL. */
  pool: Pool;
  /** For auditors, who may prove the whole ledger: minutes, which calls must not wait. */
  auditPool: Pool;
  /** For downloads, which are long: they must not take the connections of calls. */
  historyPool: Pool;
  /** For metrics: one connection, which nobody else waits for. */
  metricsPool: Pool;
  /** One connection, for what the database notifies; opened for the first subscription. */
  listenerPool: Pool;
  /** For counting requests, where they are limited. */
  rateLimitPool: Pool;
}

export interface Database extends Pools {
  /** For reading, if there is one. */
  standby: Standby | undefined;
  /** An administrator's URL of the embedded server, if it is that. */
  localUrl: string | undefined;
  /** Says in one line that the embedded server has ended by itself; without one it never does. */
  ended: Promise<string>;
  /** Where the worker may log in, if anywhere. */
  workerUrl: string | undefined;
  close(): Promise<void>;
}

const AUDIT_CONNECTIONS = 2;
const METRICS_WITHIN_MS = 2_000;

const RATE_LIMIT_CONNECTIONS = 2;
const RATE_LIMIT_WITHIN_MS = 1_000;

/**
 * Migrates too, where the login may: an administrator's or the embedded server's, not the gateway's own. In development the
 * embedded server's empty ledger gets the demo.
 */
export async function openDatabase(config: Config): Promise<Database> {
  const local = config.databaseUrl === undefined ? await startLocalServer({ exclusive: true }) : undefined;
  try {
    const url = config.databaseUrl ?? local?.url ?? '';
    const superuser = await mayBecomeAnybody(url);
    if (superuser) await migrate(url);
    if (local && !config.production) await seed(url, { onlyIfEmpty: true });
    const pools = createPools(url, config.poolSize);
    await checkPool(pools.pool).catch(async (error: unknown) => {
      await end(pools);
      throw error;
    });
    const standby = openStandby(config, url);
    const close = async (): Promise<void> => {
      await Promise.all([end(pools), standby?.close()]);
      await local?.stop();
    };
    const workerUrl = config.workerDatabaseUrl ?? (superuser ? url : undefined);
    const ended = local?.ended ?? new Promise<never>(() => undefined);
    return { localUrl: local?.url, ended, ...pools, standby, workerUrl, close };
  } catch (error) {
    await local?.stop();
    throw error;
  }
}

/** Whether it is there, it finds out by itself: the service does not depend on it. */
function openStandby(
  { readDatabaseUrl, readMaxStalenessMs, poolSize }: Config,
  primaryUrl: string,
): Standby | undefined {
  if (readDatabaseUrl === undefined) return undefined;
  const historySize = historySizeOf(poolSize);
  return new Standby({
    url: readDatabaseUrl,
    primaryUrl,
    poolSize: poolSize - historySize,
    historySize,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    maxStalenessMs: readMaxStalenessMs,
  });
}

function historySizeOf(poolSize: number): number {
  return Math.ceil(poolSize / 5);
}

function createPools(url: string, poolSize: number): Pools {
  const historySize = historySizeOf(poolSize);
  const usual = { url, login: 'wallet_gateway', statementTimeoutMs: STATEMENT_TIMEOUT_MS } as const;
  return {
    pool: createPool({ ...usual, name: 'wallet-gateway', size: poolSize - historySize }),
    auditPool: createPool({ ...usual, name: 'wallet-audit', size: AUDIT_CONNECTIONS }),
    // A download lasts as long as its reader takes, and a stalled one is ended by the response's own timeout.
    historyPool: createPool({ ...usual, name: 'wallet-history', size: historySize, statementTimeoutMs: 0 }),
    metricsPool: createPool({
      ...usual,
      name: 'wallet-metrics',
      size: 1,
      statementTimeoutMs: METRICS_WITHIN_MS,
      answerWithinMs: METRICS_WITHIN_MS,
    }),
    listenerPool: createPool({ ...usual, name: 'wallet-listener', size: 1 }),
    // Few and quick: without them each process counts for itself.
    rateLimitPool: createPool({
      ...usual,
      name: 'wallet-limits',
      size: RATE_LIMIT_CONNECTIONS,
      statementTimeoutMs: RATE_LIMIT_WITHIN_MS,
      answerWithinMs: RATE_LIMIT_WITHIN_MS,
    }),
  };
}

async function end(pools: Pools): Promise<void> {
  await Promise.all(Object.values(pools).map((pool: Pool) => pool.end()));
}

interface Login {
  login: string;
  isSuperuser: boolean;
  mayMigrate: boolean;
}

const LOGIN = `
select session_user as login, rolsuper as "isSuperuser", rolcreaterole or exists (
    select from pg_auth_members where member = l.oid and roleid = to_regrole('wallet_owner')) as "mayMigrate"
from pg_roles l where rolname = session_user`;

/** Only a superuser's connections can become the gateway's and the worker's; any other login has to be the gateway's own. */
async function mayBecomeAnybody(url: string): Promise<boolean> {
  const { rows } = await withSession(url, 'wallet-start', (client) => client.query<Login>(LOGIN));
  const [found] = rows;
  if (!found || found.login === 'wallet_gateway' || found.isSuperuser) return found?.isSuperuser === true;
  if (!found.mayMigrate) throw new ConfigError('DATABASE_URL must log in as wallet_gateway or as a superuser');
  throw new ConfigError(
    `DATABASE_URL logs in as ${found.login}, which may migrate but not serve: run npm run migrate with it, give wallet_gateway a password, and start with wallet_gateway's own URL`,
  );
}
