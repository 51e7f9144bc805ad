/** Connection pools that act as one login, whichever login opened the connections. */
import pg from 'pg';
import { ConfigError } from '../config.ts';
import { UnreachableError } from '../exit.ts';
import { describeError, log } from '../observability/log.ts';
import { clientClassFor, loginOf, poolModeOf, requireSession, type Address } from './pooler.ts';
import { OUR_SETTINGS, setAll } from './settings.ts';
import { NoConnection, WaitingPool } from './waiting_pool.ts';

export type Login = 'wallet_gateway' | 'wallet_worker';

export interface PoolOptions extends Address {
  login: Login;
  size: number;
  name: string;
  /** Of several databases, the name of the one that this is for. */
  node?: string | undefined;
  statementTimeoutMs: number;
  /** Milliseconds to wait for a connection, and then for an answer. */
  answerWithinMs?: number;
  /** The variable that has the URL, for error messages. */
  setting?: string;
  /** For locks, LISTEN and the job queue, which a pooler in transaction mode breaks. */
  needsSession?: boolean;
}

type Settings = Readonly<Record<string, string>>;

/** Short, because a call that waits for a wallet's lock keeps a connection from other calls. */
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;
const WAIT_FOR_CLIENT_MS = 30_000;

/** By name, for metrics. */
export const pools = new Map<string, pg.Pool>();

/** Through a pooler in transaction mode: settings that each transaction must make, as they end with it. */
const settingsOfTransactions = new WeakMap<pg.ClientBase, Settings>();

/** URLs whose pooler has been seen to keep sessions. */
const keptSessions = new Set<string>();

/** The only start-up parameter is the connection's name: poolers reject parameters that they do not know. */
export function createPool(options: PoolOptions): pg.Pool {
  const { url, password, size, name, node, answerWithinMs } = options;
  const pool = new WaitingPool({
    connectionString: url,
    Client: clientClassFor({ password }),
    max: size,
    application_name: name,
    connectionTimeoutMillis: answerWithinMs ?? WAIT_FOR_CLIENT_MS,
    ...(answerWithinMs !== undefined && { query_timeout: answerWithinMs }),
    // The pool waits for this promise before it hands out the connection; pg's type does not say so.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => prepare(client, options),
  });
  pool.on('error', (error) => {
    log.warn({ pool: name, node, error: describeError(error) }, 'database connection lost');
  });
  pool.on('connect', (client) =>
    client.on('error', () => {
      /* The query in flight reports the error. */
    }),
  );
  pools.set(node === undefined ? name : `${name}@${node}`, pool);
  return pool;
}

/** Undefined where the session is kept and has the settings already. */
export function settingsOfEachTransaction(client: pg.ClientBase): Settings | undefined {
  return settingsOfTransactions.get(client);
}

/** Through a pooler in transaction mode, wallet_gateway's own login needs no session: each transaction makes its settings. */
async function prepare(client: pg.ClientBase, options: PoolOptions): Promise<void> {
  const { isDirect, login } = await loginOf(client);
  if (isDirect) {
    await logInAs(client, options);
  } else if (login === options.login && !options.needsSession) {
    // A pooler in statement mode refuses BEGIN.
    await client.query('begin');
    await client.query('rollback');
    settingsOfTransactions.set(client, { role: 'none', ...settingsFor(options) });
  } else {
    await expectSession(client, options);
    // The pooler may have handed over a used session, with locks, prepared statements and settings.
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
 * The ledger accepts a token's claims only from the gateway's login. A superuser may switch to that login; for the login itself the
 * statement changes nothing; others may not. Code in a session opened by a superuser could switch back to the superuser: so no schema lets
 * others create functions.
 */
async function logInAs(client: pg.ClientBase, options: PoolOptions): Promise<void> {
  await client.query(`set session authorization ${options.login}; ${setAll(settingsFor(options))}`);
}

function settingsFor({ statementTimeoutMs }: PoolOptions): Settings {
  return {
    ...OUR_SETTINGS,
    statement_timeout: String(statementTimeoutMs),
    lock_timeout: String(LOCK_TIMEOUT_MS),
    idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    jit_optimize_above_cost: '-1',
  };
}

/** Explains in one line, to the person who set DATABASE_URL, why the database cannot be used. */
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
