/**
 * Detects whether a connection keeps its session. A pooler in transaction mode (PgBouncer: `pool_mode = transaction`) assigns a server
 * session for one transaction only: settings, locks and LISTEN would then apply to another client's session.
 */
import pg from 'pg';
import { ConfigError } from '../config.ts';

export interface Address {
  url: string;
  /** Returns the current password, which may change while the process runs. Otherwise the password is in the URL. */
  password?: (() => string | undefined) | undefined;
}

/** `direct` without a pooler; otherwise the pooler's mode. */
export type Mode = 'direct' | 'session' | 'transaction' | 'statement';

interface Login {
  login: string;
  isSuperuser: boolean;
}

const CONNECT_WITHIN_MS = 10_000;
/** A busy pooler may assign the same session again by chance, hardly so many times. */
const ATTEMPTS = 5;

/** The login itself, even if a previous user of the session has switched the session's user. */
const LOGIN = `
select a.pid, r.rolname as login, r.rolsuper as "isSuperuser"
from pg_stat_get_activity(pg_backend_pid()) a join pg_roles r on r.oid = a.usesysid`;

/** Makes pg ask for the current password; otherwise it uses the URL's. */
export function clientClassFor({ password }: Pick<Address, 'password'>): typeof pg.Client {
  if (!password) return pg.Client;
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      // pg calls it when the server asks for the password.
      Object.assign(this, { password });
    }
  };
}

/** `isDirect` compares process ids: a pooler reports another one than the server. */
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
      // `other` keeps its session until the rollback. In session mode `client` cannot have used that session.
      if (own.has(await pidOf(other)) || own.add(await pidOf(client)).size > 1) return 'transaction';
      await other.query('rollback');
    }
    return 'session';
  } finally {
    await other.end().catch(() => undefined);
  }
}

/** Throws where sessions are not kept. `instead` is a login that works without one. */
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
  // The query in flight reports the error.
  client.on('error', () => undefined);
  return client;
}
