/** Pools of connections that act as one login, whoever opened them. */
import pg from 'pg';
import { ConfigError } from '../config.ts';
import { UnreachableError } from '../exit.ts';
import { describeError, log } from '../observability/log.ts';
import { OUR_SETTINGS } from './settings.ts';

/** The gateway's and the worker's. */
export type Login = 'wallet_gateway' | 'wallet_worker';

export interface PoolOptions {
  url: string;
  login: Login;
  size: number;
  name: string;
  statementTimeoutMs: number;
  /** For what is not worth waiting for: how long a connection, and then an answer, may take. */
  answerWithinMs?: number;
}

/** Short: whoever waits for a wallet keeps a connection from everybody else. */
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;
const WAIT_FOR_CLIENT_MS = 30_000;

/** By name, for who wants to see how they are. */
export const pools = new Map<string, pg.Pool>();

export function createPool({ url, login, size, name, statementTimeoutMs, answerWithinMs }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    application_name: name,
    statement_timeout: statementTimeoutMs,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    connectionTimeoutMillis: answerWithinMs ?? WAIT_FOR_CLIENT_MS,
    ...(answerWithinMs !== undefined && { query_timeout: answerWithinMs }),
    // The pool waits for it before it lends the connection, which the type does not say.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => become(client, login),
  });
  // An error without a listener ends the process.
  pool.on('error', (error) => {
    log.warn({ pool: name, error: describeError(error) }, 'database connection lost');
  });
  pool.on('connect', (client) =>
    client.on('error', () => {
      /* Whoever holds the connection learns it from the query. */
    }),
  );
  pools.set(name, pool);
  return pool;
}

/** Opens a connection, to find out now and in one line what every request would run into. */
export async function checkPool(pool: pg.Pool): Promise<void> {
  try {
    const client = await pool.connect();
    client.release();
  } catch (error) {
    throw unusable(error);
  }
}

/**
 * The ledger believes a token's claims only where the gateway logged in. A superuser may take a login on; for the login
 * itself the statement changes nothing; others may not. What runs in a session that a superuser opened could make it the
 * superuser's again: hence no schema in which others may make functions.
 * Queries here are too short to be worth optimising their compiled form.
 */
async function become(client: pg.ClientBase, login: Login): Promise<void> {
  await client.query(`set session authorization ${login}; ${OUR_SETTINGS}; set jit_optimize_above_cost = -1`);
}

/** Why the database cannot be used, in one line for the person who set DATABASE_URL. */
export function unusable(error: unknown): ConfigError {
  const { code, message } = error as { code?: string; message: string };
  const cause = { cause: error };
  if (code === '42501') return new ConfigError('DATABASE_URL must log in as wallet_gateway or as a superuser', cause);
  if (code === '22023') return new ConfigError('The database has no role wallet_gateway: migrate it first', cause);
  const reason = message || (code ?? 'no reason given');
  return new UnreachableError(`The database at DATABASE_URL cannot be reached: ${reason}`, cause);
}
