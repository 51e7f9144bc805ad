/** The database that the gateway works on, ready to use. */
import type { Pool } from 'pg';
import { ConfigError, type Config } from '../config.ts';
import { createPool, unusable, type PoolOptions } from './pool.ts';
import { inspectSession, keepsSession, requireSession, type Address } from './pooler.ts';
import { STATEMENT_TIMEOUT_MS } from './timeouts.ts';

export interface Database {
  /** For GraphQL. */
  pool: Pool;
  /** For auditors, who may prove the whole ledger: minutes, which calls must not wait. */
  auditPool: Pool;
  /** For downloads, which are long: they must not take the connections of calls. */
  historyPool: Pool;
  /** For metrics: one connection, which nobody else waits for. */
  metricsPool: Pool;
  primary: Address;
  /** Where the worker may log in, if anywhere. */
  worker: Address | undefined;
  /** Whether there is a session in which to listen to notifications. */
  canListen: boolean;
  /** One more pool, for what is optional. It ends with the others. */
  openPool(options: MorePoolOptions): Pool;
  close(): Promise<void>;
}

/** What a login other than the gateway's own can do there. */
export interface Administration {
  migrate(url: string): Promise<void>;
  mayMigrate(url: string): Promise<boolean>;
}

type MorePoolOptions = Omit<PoolOptions, keyof Address | 'login' | 'setting'>;

const LOGIN = 'wallet_gateway';
const AUDIT_CONNECTIONS = 2;
const METRICS_WITHIN_MS = 2_000;

export async function openDatabase(
  config: Config & { databaseUrl: string },
  administration: Administration,
): Promise<Database> {
  const primary = { url: config.databaseUrl, password: config.passwords.database };
  const { isSuperuser, mode } = await inspect(primary, administration);
  if (isSuperuser) await administration.migrate(primary.url);
  const worker = await workerOf(config, isSuperuser ? primary : undefined);
  // The worker's session is kept.
  const forSessions = keepsSession(mode) ? undefined : worker;
  const pools: Pool[] = [];

  function openPool(options: MorePoolOptions): Pool {
    const login =
      options.needsSession && forSessions
        ? { ...forSessions, login: 'wallet_worker' as const, setting: 'WORKER_DATABASE_URL' }
        : { ...primary, login: LOGIN as typeof LOGIN };
    const pool = createPool({ ...options, ...login });
    pools.push(pool);
    return pool;
  }
  const close = async (): Promise<void> => {
    await Promise.all(pools.map((pool) => pool.end()));
  };

  const historySize = Math.ceil(config.poolSize / 5);
  const usual = { statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  const database: Database = {
    pool: openPool({ ...usual, name: 'wallet-gateway', size: config.poolSize - historySize }),
    auditPool: openPool({ ...usual, name: 'wallet-audit', size: AUDIT_CONNECTIONS }),
    // A download lasts as long as its reader takes, and a stalled one is ended by the response's own timeout.
    historyPool: openPool({ name: 'wallet-history', size: historySize, statementTimeoutMs: 0 }),
    metricsPool: openPool({
      name: 'wallet-metrics',
      size: 1,
      statementTimeoutMs: METRICS_WITHIN_MS,
      answerWithinMs: METRICS_WITHIN_MS,
    }),
    primary,
    worker,
    canListen: keepsSession(mode) || forSessions !== undefined,
    openPool,
    close,
  };
  try {
    // To find out now, and in one line, what every request would run into.
    (await database.pool.connect()).release();
  } catch (error) {
    await close();
    throw unusable(error);
  }
  return database;
}

/** Only a superuser's connections can become the gateway's and the worker's; any other login has to be the gateway's own. */
async function inspect(
  address: Address,
  administration: Administration,
): Promise<Awaited<ReturnType<typeof inspectSession>>> {
  const session = await inspectSession(address).catch((error: unknown) => {
    throw unusable(error);
  });
  // Calls do without a session, but not without a login of their own.
  if (session.login !== LOGIN || session.mode === 'statement') requireSession(session.mode, 'DATABASE_URL', LOGIN);
  if (session.login === LOGIN || session.isSuperuser) return session;
  throw new ConfigError(
    (await administration.mayMigrate(address.url))
      ? `DATABASE_URL logs in as ${session.login}, which may migrate but not serve: run npm run migrate with it, give wallet_gateway a password, and start with wallet_gateway's own URL`
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
