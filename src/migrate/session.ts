/**
 * Sessions for administration and verification. They do not depend on the login's own settings, and run no function that another login has
 * created.
 */
import pg from 'pg';
import { ConfigError } from '../config.ts';
import { unusable } from '../database/pool.ts';
import { OUR_SETTINGS, setAll } from '../database/settings.ts';

const CONNECT_WITHIN_MS = 10_000;
const OLDEST = 180_000;

/**
 * `search_path` excludes all schemas in which others may create functions or operators. PostgreSQL would prefer one that fits a call
 * better, and run it with the rights of this session, even after `set role`.
 */
const SETTINGS = `${setAll(OUR_SETTINGS)};
set client_min_messages = warning;
set lock_timeout = 0;
set statement_timeout = 0;
set transaction_timeout = 0;
set idle_in_transaction_session_timeout = 0`;

/** Refuses a server that is too old, or a database in another encoding, before it does anything. */
export async function openSession(url: string, name: string): Promise<pg.Client> {
  const client = clientOf(url, name);
  try {
    await client.connect().catch((error: unknown) => {
      if ((error as { code?: string }).code !== '42501') throw error;
      const { user = '', database = '' } = client;
      throw new ConfigError(
        `The login ${user} may not connect to the database ${database}: let its owner run grant connect on database ${database} to ${user}`,
        { cause: error },
      );
    });
    await checkServer(client);
    await prepareSession(client);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    if (error instanceof ConfigError) throw error;
    throw unusable(error);
  }
}

/** For connections that were opened elsewhere. */
export async function prepareSession(client: pg.ClientBase): Promise<void> {
  await client.query(SETTINGS);
}

export async function withSession<T>(url: string, name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await openSession(url, name);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function clientOf(url: string, name: string): pg.Client {
  try {
    const client = new pg.Client({
      connectionString: url,
      application_name: name,
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
    });
    // The query in flight reports the error.
    client.on('error', () => undefined);
    return client;
  } catch (error) {
    // The URL may name files, such as certificates, which are read here.
    throw unusable(error);
  }
}

/** Uses SHOW because it calls no function, which could have been replaced. */
async function checkServer(client: pg.Client): Promise<void> {
  const show = async (setting: string): Promise<string> =>
    (await client.query<Record<string, string>>(`show ${setting}`)).rows[0]?.[setting] ?? '';
  if (Number(await show('server_version_num')) < OLDEST) {
    const version = await show('server_version');
    throw new ConfigError(`PostgreSQL ${version} at DATABASE_URL is too old: the wallet needs PostgreSQL 18 or newer`);
  }
  const encoding = await show('server_encoding');
  if (encoding !== 'UTF8') {
    throw new ConfigError(
      `The database at DATABASE_URL has the encoding ${encoding}, the wallet needs UTF8: create database … encoding 'UTF8' template template0`,
    );
  }
}
