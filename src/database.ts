/** The database that the gateway works on, ready to use. */
import pg, { type Pool } from 'pg';
import { ConfigError, type Config } from './config.ts';
import { startLocalServer } from './local.ts';
import { checkPool, createPool, explain } from './pool.ts';
import { prepare } from './prepare.ts';
import { STATEMENT_TIMEOUT_MS } from './timeouts.ts';

export interface Database {
  /** An administrator's URL of the embedded server, if it is that. */
  localUrl: string | undefined;
  /** For GraphQL. */
  pool: Pool;
  /** For downloads, which are long: they must not take the connections of calls. */
  historyPool: Pool;
  /** For counting requests, where they are limited. */
  rateLimitPool: Pool | undefined;
  /** Where the worker may log in, if anywhere. */
  workerUrl: string | undefined;
  close(): Promise<void>;
}

const CONNECT_WITHIN_MS = 10_000;
const RATE_LIMIT_CONNECTIONS = 2;
const RATE_LIMIT_WITHIN_MS = 1_000;

/** Migrates and seeds too, where the login may: an administrator's or the embedded server's, not the gateway's own. */
export async function openDatabase(config: Config): Promise<Database> {
  const local = config.databaseUrl === undefined ? await startLocalServer({ exclusive: true }) : undefined;
  try {
    const url = config.databaseUrl ?? local?.url ?? '';
    const superuser = await isSuperuser(url);
    if (superuser) await prepare(url);
    const pools = await openPools(url, config.poolSize);
    const rateLimitPool = config.rateLimitPerMinute === undefined ? undefined : createRateLimitPool(url);
    const close = async (): Promise<void> => {
      await Promise.all([pools.pool.end(), pools.historyPool.end(), rateLimitPool?.end()]);
      await local?.stop();
    };
    const workerUrl = config.workerDatabaseUrl ?? (superuser ? url : undefined);
    return { localUrl: local?.url, ...pools, rateLimitPool, workerUrl, close };
  } catch (error) {
    await local?.stop();
    throw error;
  }
}

async function openPools(url: string, poolSize: number): Promise<{ pool: Pool; historyPool: Pool }> {
  const historySize = Math.ceil(poolSize / 5);
  const pool = createPool({
    url,
    login: 'wallet_gateway',
    size: poolSize - historySize,
    name: 'wallet-gateway',
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  // A download lasts as long as its reader takes, and a stalled one is ended by the response's own timeout.
  const historyPool = createPool({
    url,
    login: 'wallet_gateway',
    size: historySize,
    name: 'wallet-history',
    statementTimeoutMs: 0,
  });
  try {
    await checkPool(pool);
  } catch (error) {
    await Promise.all([pool.end(), historyPool.end()]);
    throw error;
  }
  return { pool, historyPool };
}

/** Few and quick: without them each process counts for itself. */
function createRateLimitPool(url: string): Pool {
  return createPool({
    url,
    login: 'wallet_gateway',
    size: RATE_LIMIT_CONNECTIONS,
    name: 'wallet-limits',
    statementTimeoutMs: RATE_LIMIT_WITHIN_MS,
    answerWithinMs: RATE_LIMIT_WITHIN_MS,
  });
}

async function isSuperuser(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_WITHIN_MS });
  try {
    await client.connect();
    const { rows } = await client.query<{ rolsuper: boolean }>(
      'select rolsuper from pg_roles where rolname = session_user',
    );
    return rows[0]?.rolsuper === true;
  } catch (error) {
    throw new ConfigError(explain(error), { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}
