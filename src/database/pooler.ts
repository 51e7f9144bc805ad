/**
 * Whether a connection keeps its session. A pooler in transaction mode (PgBouncer: `pool_mode = transaction`) assigns a server's session for
 * one transaction: what is set, locked or listened to after that is in somebody else's session.
 */
import pg from 'pg';
import { ConfigError } from '../config.ts';

/** How to reach a database. */
export interface Address {
  url: string;
  /** The password as it is now, where it may change while the process runs; otherwise it is in the URL. */
  password?: (() => string | undefined) | undefined;
}

/** What lies in between: nothing, a pooler that keeps sessions, one that assigns them for a transaction, or for a statement. */
export type Mode = 'direct' | 'session' | 'transaction' | 'statement';

interface Login {
  login: string;
  isSuperuser: boolean;
}

const CONNECT_WITHIN_MS = 10_000;
/** A busy pooler may happen to assign the same session again: not so often. */
const ATTEMPTS = 5;

/** Who logged in, also where somebody before us has left the session as somebody else. */
const LOGIN = `
select a.pid, r.rolname as login, r.rolsuper as "isSuperuser"
from pg_stat_get_activity(pg_backend_pid()) a join pg_roles r on r.oid = a.usesysid`;

/** `pg` itself would take the password of the URL, also where there is none. */
export function clientClassFor({ password }: Pick<Address, 'password'>): typeof pg.Client {
  if (!password) return pg.Client;
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      // It asks when the server wants the password.
      Object.assign(this, { password });
    }
  };
}

/** Whether the server's own process is at the other end; a pooler reports another number. */
export async function loginOf(client: pg.ClientBase): Promise<Login & { isDirect: boolean }> {
  const { rows } = await client.query<Login & { pid: number }>(LOGIN);
  const [row] = rows;
  if (!row) throw new Error('The database does not say who is logged in');
  const { pid, ...who } = row;
  return { ...who, isDirect: pid === (client as pg.ClientBase & { processID: number | null }).processID };
}

/** Opens one connection, and a second one where there is a pooler. */
export async function inspectSession(address: Address): Promise<Login & { mode: Mode }> {
  const client = connectionTo(address);
  try {
    await client.connect();
    const { isDirect, login, isSuperuser } = await loginOf(client);
    return { login, isSuperuser, mode: isDirect ? 'direct' : await poolModeOf(client, address) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The mode of the pooler that `client` goes through. */
export async function poolModeOf(client: pg.ClientBase, address: Address): Promise<Mode> {
  const other = connectionTo(address);
  const own = new Set<number>();
  try {
    await other.connect();
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      own.add(await pidOf(client)).add(await pidOf(client));
      const begun = await other.query('begin').catch((error: unknown) => {
        if (error instanceof pg.DatabaseError) return undefined;
        throw error;
      });
      if (!begun) return 'statement';
      // It has this one to itself until it rolls back, in any mode; in session mode nobody else ever had it.
      if (own.has(await pidOf(other)) || own.add(await pidOf(client)).size > 1) return 'transaction';
      await other.query('rollback');
    }
    return 'session';
  } finally {
    await other.end().catch(() => undefined);
  }
}

/** For what needs one session from the first statement to the last. `instead` is the login that does without. */
export function requireSession(mode: Mode, setting: string, instead?: string): void {
  if (keepsSession(mode)) return;
  const other = instead !== undefined && mode === 'transaction' ? `log in there as ${instead}, or ` : '';
  throw new ConfigError(
    `${setting} goes through a pooler that does not keep sessions (PgBouncer: pool_mode = ${mode}): ${other}use pool_mode = session or a direct connection`,
  );
}

export function keepsSession(mode: Mode): boolean {
  return mode === 'direct' || mode === 'session';
}

async function pidOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

function connectionTo({ url, password }: Address): pg.Client {
  const Client = clientClassFor({ password });
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_WITHIN_MS });
  // The query in flight fails with it.
  client.on('error', () => undefined);
  return client;
}
