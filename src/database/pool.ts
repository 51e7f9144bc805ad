/** Pools of connections that act as one login, whoever opened them. */
import pg from 'pg';
import { ConfigError } from '../config.ts';
import { UnreachableError } from '../exit.ts';
import { describeError, log } from '../observability/log.ts';
import { clientClassFor, loginOf, poolModeOf, requireSession, type Address } from './pooler.ts';
import { OUR_SETTINGS, setAll } from './settings.ts';
import { NoConnection, WaitingPool } from './waiting_pool.ts';

/** The gateway's and the worker's. */
export type Login = 'wallet_gateway' | 'wallet_worker';

export interface PoolOptions extends Address {
  login: Login;
  size: number;
  name: string;
  statementTimeoutMs: number;
  /** For what is not worth waiting for: how long a connection, and then an answer, may take. */
  answerWithinMs?: number;
  /** The variable that the URL comes from. */
  setting?: string;
  /** For what is more than calls: locks, listening, queues. */
  needsSession?: boolean;
}

type Settings = Readonly<Record<string, string>>;

/** Short: whoever waits for a wallet keeps a connection from everybody else. */
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;
const WAIT_FOR_CLIENT_MS = 30_000;

/** By name, for who wants to see how they are. */
export const pools = new Map<string, pg.Pool>();

/** Behind poolers: what each transaction on this connection has to set, as nothing lasts longer. */
const settingsOfTransactions = new WeakMap<pg.ClientBase, Settings>();

/** Where the pooler was seen to keep sessions. */
const keptSessions = new Set<string>();

/** Nothing is asked for with the start of a connection but its name: poolers refuse what they do not know. */
export function createPool(options: PoolOptions): pg.Pool {
  const { url, password, size, name, answerWithinMs } = options;
  const pool = new WaitingPool({
    connectionString: url,
    Client: clientClassFor({ password }),
    max: size,
    application_name: name,
    connectionTimeoutMillis: answerWithinMs ?? WAIT_FOR_CLIENT_MS,
    ...(answerWithinMs !== undefined && { query_timeout: answerWithinMs }),
    // The pool waits for it before it hands out the connection, which the type does not say.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => prepare(client, options),
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

/** Undefined where the session is kept: then it has them already. */
export function settingsOfEachTransaction(client: pg.ClientBase): Settings | undefined {
  return settingsOfTransactions.get(client);
}

/** Behind a pooler in transaction mode there is no session to prepare, and none is needed by who logs in as the gateway. */
async function prepare(client: pg.ClientBase, options: PoolOptions): Promise<void> {
  const { isDirect, login } = await loginOf(client);
  if (isDirect) {
    await logInAs(client, options);
  } else if (login === options.login && !options.needsSession) {
    // A pooler in statement mode refuses it.
    await client.query('begin');
    await client.query('rollback');
    settingsOfTransactions.set(client, { role: 'none', ...settingsFor(options) });
  } else {
    await expectSession(client, options);
    // It may have been somebody else's: with locks, statements and settings of theirs.
    await client.query('discard all');
    await logInAs(client, options);
  }
}

async function expectSession(client: pg.ClientBase, options: PoolOptions): Promise<void> {
  const { url, login, needsSession = false, setting = 'DATABASE_URL' } = options;
  if (keptSessions.has(url)) return;
  requireSession(await poolModeOf(client, options), setting, needsSession ? undefined : login);
  keptSessions.add(url);
}

/**
 * The ledger believes a token's claims only where the gateway logged in. A superuser may take a login on; for the login
 * itself the statement changes nothing; others may not. What runs in a session that a superuser opened could make it the
 * superuser's again: hence no schema in which others may make functions.
 */
async function logInAs(client: pg.ClientBase, options: PoolOptions): Promise<void> {
  await client.query(`set session authorization ${options.login}; ${setAll(settingsFor(options))}`);
}

/** Queries here are too short to be worth optimising their compiled form. */
function settingsFor({ statementTimeoutMs }: PoolOptions): Settings {
  return {
    ...OUR_SETTINGS,
    statement_timeout: String(statementTimeoutMs),
    lock_timeout: String(LOCK_TIMEOUT_MS),
    idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    jit_optimize_above_cost: '-1',
  };
}

/** Why the database cannot be used, in one line for the person who set DATABASE_URL. */
export function unusable(error: unknown): ConfigError {
  if (error instanceof NoConnection) return unusable(error.cause);
  if (error instanceof ConfigError) return error;
  const { code, message } = error as { code?: string; message: string };
  const cause = { cause: error };
  if (code === '42501') return new ConfigError('DATABASE_URL must log in as wallet_gateway or as a superuser', cause);
  if (code === '22023') return new ConfigError('The database has no role wallet_gateway: migrate it first', cause);
  const reason = message || (code ?? 'no reason given');
  return new UnreachableError(`The database at DATABASE_URL cannot be reached: ${reason}`, cause);
}
