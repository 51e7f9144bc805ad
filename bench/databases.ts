/** The benchmarks' databases: copies of a migrated one with the procedures of ledger.sql. */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { applyCurrent } from '../db/tests/current.ts';
import { migrate } from '../src/migrate/migrate.ts';
import type { Bench } from './part.ts';

const EMPTY = 'wallet_bench_empty';

export function urlOf(url: string, database: string): string {
  const own = new URL(url);
  own.pathname = `/${database}`;
  return own.href;
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return work(client).finally(() => client.end());
}

/** Also applies the changes that are not yet committed as a migration. */
export async function migrateAll(url: string): Promise<void> {
  await migrate(url);
  await applyCurrent(url);
}

export async function installLoad(client: pg.ClientBase): Promise<void> {
  await client.query(await readFile(new URL('ledger.sql', import.meta.url), 'utf8'));
}

/** Copies `template`, or an empty ledger, until the end of the run. Returns the URL. */
export async function makeDatabase({ url, cleaning }: Bench, name: string, template?: string): Promise<string> {
  await withClient(url, async (admin) => {
    const source = template ?? (await makeEmpty(url, admin));
    // Copies files: through the WAL, gigabytes would take minutes.
    await admin.query(`create database ${name} template ${source} strategy file_copy`);
  });
  cleaning.push(() => withClient(url, (admin) => admin.query(`drop database if exists ${name} with (force)`)));
  return urlOf(url, name);
}

/** Vacuums and checkpoints now, so that the server does not during a measurement. */
export async function settle(client: pg.ClientBase): Promise<void> {
  await client.query('vacuum (analyze)');
  await client.query('checkpoint');
}

async function makeEmpty(url: string, admin: pg.Client): Promise<string> {
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [EMPTY]);
  if (!rowCount) {
    await admin.query(`create database ${EMPTY}`);
    await migrateAll(urlOf(url, EMPTY));
    await withClient(urlOf(url, EMPTY), installLoad);
  }
  return EMPTY;
}
