/** The database that the gateway works on, ready to use. */
import type { Pool } from 'pg';
import { ConfigError, type Config } from '../config.ts';
import { startLocalServer } from '../dev/local.ts';
import { checkPool, createPool, unusable } from './pool.ts';
import { migrate } from '../migrate/migrate.ts';
import { seed } from '../dev/demo.ts';
import { withSession } from './session.ts';
import { inspectSession, keepsSession, requireSession, type Address } from './pooler.ts';
import { Standby } from '../standby/standby.ts';
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
  worker: Address | undefined;
  /** Whether there is a session in which to listen to notifications. */
  canListen: boolean;
  close(): Promise<void>;
}

const LOGIN = 'wallet_gateway';
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
    const primary = { url, password: config.passwords.database };
    const { isSuperuser, mode } = await inspect(primary);
    if (isSuperuser) await migrate(url);
    if (local && !config.production) await seed(url, { onlyIfEmpty: true });
    const worker = await workerOf(config, isSuperuser ? primary : undefined);
    // The worker's session is kept.
    const forListening = keepsSession(mode) ? undefined : worker;
    const pools = createPools(primary, forListening, config.poolSize);
    await checkPool(pools.pool).catch(async (error: unknown) => {
      await end(pools);
      throw error;
    });
    const standby = openStandby(config, primary);
    const close = async (): Promise<void> => {
      await Promise.all([end(pools), standby?.close()]);
      await local?.stop();
    };
    const canListen = keepsSession(mode) || forListening !== undefined;
    const ended = local?.ended ?? new Promise<never>(() => undefined);
    return { localUrl: local?.url, ended, ...pools, standby, worker, canListen, close };
  } catch (error) {
    await local?.stop();
    throw error;
  }
}

/** Whether it is there, it finds out by itself: the service does not depend on it. */
function openStandby(
  { readDatabaseUrl, readMaxStalenessMs, poolSize, passwords }: Config,
  primary: Address,
): Standby | undefined {
  if (readDatabaseUrl === undefined) return undefined;
  const historySize = historySizeOf(poolSize);
  return new Standby({
    url: readDatabaseUrl,
    password: passwords.read,
    primary,
    poolSize: poolSize - historySize,
    historySize,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    maxStalenessMs: readMaxStalenessMs,
  });
}

function historySizeOf(poolSize: number): number {
  return Math.ceil(poolSize / 5);
}

/** `forListening` is the worker's address, where the primary's sessions are not kept. */
function createPools(primary: Address, forListening: Address | undefined, poolSize: number): Pools {
  const historySize = historySizeOf(poolSize);
  const usual = { ...primary, login: LOGIN, statementTimeoutMs: STATEMENT_TIMEOUT_MS } as const;
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
    listenerPool: createPool({
      ...usual,
      ...(forListening && { ...forListening, login: 'wallet_worker', setting: 'WORKER_DATABASE_URL' }),
      name: 'wallet-listener',
      size: 1,
      needsSession: true,
    }),
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

/** Only a superuser's connections can become the gateway's and the worker's; any other login has to be the gateway's own. */
async function inspect(address: Address): Promise<Awaited<ReturnType<typeof inspectSession>>> {
  const session = await inspectSession(address).catch((error: unknown) => {
    throw unusable(error);
  });
  // Calls do without a session, but not without a login of their own.
  if (session.login !== LOGIN || session.mode === 'statement') requireSession(session.mode, 'DATABASE_URL', LOGIN);
  if (session.login !== LOGIN && !session.isSuperuser) throw await refusalOf(session.login, address.url);
  return session;
}

const MAY_MIGRATE = `
select rolcreaterole or exists (
    select from pg_auth_members where member = l.oid and roleid = to_regrole('wallet_owner')) as "mayMigrate"
from pg_roles l where rolname = session_user`;

async function refusalOf(login: string, url: string): Promise<ConfigError> {
  const { rows } = await withSession(url, 'wallet-start', (client) =>
    client.query<{ mayMigrate: boolean }>(MAY_MIGRATE),
  );
  return new ConfigError(
    rows[0]?.mayMigrate === true
      ? `DATABASE_URL logs in as ${login}, which may migrate but not serve: run npm run migrate with it, give wallet_gateway a password, and start with wallet_gateway's own URL`
      : 'DATABASE_URL must log in as wallet_gateway or as a superuser',
  );
}

/** The worker waits for its database, but not for a pooler's settings. */
async function workerOf(config: Config, ours: Address | undefined): Promise<Address | undefined> {
  const { workerDatabaseUrl: url, passwords } = config;
  if (url === undefined) return ours;
  const address = { url, password: passwords.worker };
  const session = await inspectSession(address).catch(() => undefined);
  if (session) requireSession(session.mode, 'WORKER_DATABASE_URL');
  return address;
}
