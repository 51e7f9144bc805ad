/** The connections to the primary. */
import type { Pool } from 'pg';
import { ConfigError, type Config } from '../config.ts';
import { createPool, unusable, type PoolOptions } from './pool.ts';
import { inspectSession, keepsSession, requireSession, type Address } from './pooler.ts';
import { UnreachableError } from '../exit.ts';
import { STATEMENT_TIMEOUT_MS } from './timeouts.ts';

export interface Database {
  pool: Pool;
  /** For auditors: verifying the whole ledger takes minutes, and calls must not wait for that. */
  auditPool: Pool;
  /** For downloads: they take minutes and must not use up the connections of calls. */
  historyPool: Pool;
  /** For metrics: one connection, so that metrics do not wait for other work. */
  metricsPool: Pool;
  primary: Address;
  /** The worker's login. Undefined where none is configured. */
  worker: Address | undefined;
  /** Whether a pool with `needsSession` can use LISTEN. */
  canListen: boolean;
  /** Opens a further pool, which `close` ends too. */
  openPool(options: MorePoolOptions): Pool;
  close(): Promise<void>;
}

/** What needs a more powerful login than the gateway's. */
export interface Administration {
  migrate(url: string): Promise<void>;
  mayMigrate(url: string): Promise<boolean>;
}

type MorePoolOptions = Omit<PoolOptions, keyof Address | 'login' | 'setting' | 'node'>;

const LOGIN = 'wallet_gateway';
const AUDIT_CONNECTIONS = 2;
const METRICS_WITHIN_MS = 2_000;
/** What is then expected of it. */
const AWAY = { isSuperuser: false, mode: 'direct' } as const;

export async function openDatabase(
  config: Config & { databaseUrl: string },
  administration: Administration,
): Promise<Database> {
  const primary = { url: config.databaseUrl, password: config.passwords.database };
  const { isSuperuser, mode } = await inspect(primary, administration).catch((error: unknown) => {
    // One of several may be away: the others serve meanwhile.
    if (config.node !== undefined && error instanceof UnreachableError) return AWAY;
    throw error;
  });
  if (isSuperuser) await administration.migrate(primary.url);
  const worker = await workerOf(config, isSuperuser ? primary : undefined);
  // WORKER_DATABASE_URL must not go through a pooler in transaction mode, so its session can be used where DATABASE_URL has none.
  const forSessions = keepsSession(mode) ? undefined : worker;
  const pools: Pool[] = [];

  function openPool(options: MorePoolOptions): Pool {
    const login =
      options.needsSession && forSessions
        ? { ...forSessions, login: 'wallet_worker' as const, setting: 'WORKER_DATABASE_URL' }
        : { ...primary, login: LOGIN as typeof LOGIN };
    const pool = createPool({ ...options, ...login, node: config.node });
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
    // No statement timeout: a download lasts as long as the client takes to read it, and the response's own timeout ends a stalled one.
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
    // Fail at start-up with one clear message, and not in every request.
    (await database.pool.connect()).release();
  } catch (error) {
    const reason = unusable(error);
    if (config.node !== undefined && reason instanceof UnreachableError) return database;
    await close();
    throw reason;
  }
  return database;
}

/** Accepts a superuser, which can switch to the service's logins, or wallet_gateway itself. */
async function inspect(
  address: Address,
  administration: Administration,
): Promise<Awaited<ReturnType<typeof inspectSession>>> {
  const session = await inspectSession(address).catch((error: unknown) => {
    throw unusable(error);
  });
  // Through a pooler in transaction mode only wallet_gateway's own login works: SET SESSION AUTHORIZATION needs a session.
  if (session.login !== LOGIN || session.mode === 'statement') requireSession(session.mode, 'DATABASE_URL', LOGIN);
  if (session.login === LOGIN || session.isSuperuser) return session;
  throw new ConfigError(
    (await administration.mayMigrate(address.url))
      ? `DATABASE_URL logs in as ${session.login}, which may migrate but not serve: run npm run migrate with it, give wallet_gateway a password, and start with wallet_gateway's own URL`
      : 'DATABASE_URL must log in as wallet_gateway or as a superuser',
  );
}

/** Checks the worker's connection if its database can be reached now; if not, the worker connects later. */
async function workerOf(config: Config, ours: Address | undefined): Promise<Address | undefined> {
  const { workerDatabaseUrl: url, passwords } = config;
  if (url === undefined) return ours;
  const address = { url, password: passwords.worker };
  const session = await inspectSession(address).catch(() => undefined);
  if (session) requireSession(session.mode, 'WORKER_DATABASE_URL');
  return address;
}
