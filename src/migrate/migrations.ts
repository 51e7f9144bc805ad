/** The committed migrations in graphile-migrate's format, and the table that records which ones a database has. */
import { readdir } from 'node:fs/promises';
import { Logger } from '@graphile/logger';
import { calculateHash } from 'graphile-migrate/dist/hash.js';
import { generatePlaceholderReplacement, getAllMigrations } from 'graphile-migrate/dist/migration.js';
import { parseSettings } from 'graphile-migrate/dist/settings.js';
import type pg from 'pg';
import { ConfigError } from '../config.ts';

export interface Migration {
  name: string;
  /** The recorded name: the number without the description. */
  filename: string;
  hash: string;
  sql: string;
}

/** The ledger was made by an unreleased text, or only partly restored. */
export const OTHER_LEDGER =
  'The database holds a ledger that this version has not made, of which nothing is carried over: use an empty database, restore all schemas, or in a checkout without DATABASE_URL delete .data/postgres';

const silent = new Logger(() => () => undefined);

/**
 * graphile-migrate records all projects of a database in one table, graphile_migrate.migrations, so that two projects would take each
 * other's migrations for their own. And another login may own that table, with triggers that would run with the rights of an administrator.
 */
export const RECORD = `
do $$ begin
  if to_regnamespace('wallet_migrate') is null then
    create schema wallet_migrate authorization wallet_owner;
  end if;
end $$;
set local role wallet_owner;
comment on schema wallet_migrate is 'Which migrations of the wallet this database has had.';
create table wallet_migrate.migrations (
  hash text primary key,
  filename text not null unique,
  date timestamptz not null default now()
);
comment on table wallet_migrate.migrations is 'A row for each migration, written in its transaction.';
comment on column wallet_migrate.migrations.hash is 'Of its text and all before it.';
comment on column wallet_migrate.migrations.filename is 'The number of its file.';
comment on column wallet_migrate.migrations.date is 'When it was run here.';
-- The gateway asks how far the database has been migrated: it is ready where its own code's newest migration is there.
grant usage on schema wallet_migrate to wallet_gateway;
grant select (hash) on wallet_migrate.migrations to wallet_gateway;
reset role`;

export async function readMigrations(migrationsFolder: string, client: pg.Client): Promise<Migration[]> {
  const { rows } = await client.query<{ database: string; owner: string }>(
    'select current_database() as database, current_user as owner',
  );
  const { database = '', owner = '' } = rows[0] ?? {};
  // No connection is made; the database's name is for placeholders.
  const settings = await parseSettings({
    connectionString: `postgres:///${encodeURIComponent(database)}`,
    databaseOwner: owner,
    migrationsFolder,
    logger: silent,
  });
  const replace = generatePlaceholderReplacement(settings, { database });
  const found = await getAllMigrations(settings);
  // graphile-migrate silently ignores files whose names do not match its pattern.
  const names = found.map(({ realFilename }) => realFilename);
  const unread = (await readdir(`${migrationsFolder}/committed`)).find(
    (name) => name.endsWith('.sql') && !names.includes(name),
  );
  if (unread !== undefined)
    throw new ConfigError(`The file ${unread} is not named like a migration: 000002-what-it-does.sql`);
  return found.map(({ realFilename, filename, hash, previousHash, body }) => {
    if (calculateHash(body, previousHash) !== hash) throw new ConfigError(`The migration ${realFilename} was changed`);
    return { name: realFilename, filename, hash, sql: replace(body) };
  });
}

/** Returns the migrations that the database has not had. Those of a newer version of the service are ignored. */
export async function pendingOf(migrations: Migration[], client: pg.Client): Promise<Migration[]> {
  const { rows } = await client.query<{ filename: string; hash: string }>(
    'select filename, hash from wallet_migrate.migrations',
  );
  const recorded = new Map(rows.map(({ filename, hash }) => [filename, hash]));
  const other = migrations.find(({ filename, hash }) => (recorded.get(filename) ?? hash) !== hash);
  if (other || (rows.length === 0 && (await hasLedger(client)))) throw new ConfigError(OTHER_LEDGER);
  const pending = migrations.filter(({ filename }) => !recorded.has(filename));
  await checkSchemas(pending, client);
  return pending;
}

/** One that is there cannot be taken over: what is in it would not be what the migration makes. */
async function checkSchemas(pending: Migration[], client: pg.Client): Promise<void> {
  const names = pending.flatMap(({ sql }) => [...sql.matchAll(/^create schema (\w+)/gm)].map(([, name]) => name));
  const text = 'select nspname as name from pg_namespace where nspname = any ($1::text[]) order by 1 limit 1';
  const [found] = (await client.query<{ name: string }>(text, [names])).rows;
  if (found)
    throw new ConfigError(
      `The database has a schema ${found.name}, which no migration has made, and a migration has to make it: rename it (alter schema ${found.name} rename to …), or drop it`,
    );
}

async function hasLedger(client: pg.Client): Promise<boolean> {
  const text = `select to_regnamespace('ledger') is not null as "isThere"`;
  return (await client.query<{ isThere: boolean }>(text)).rows[0]?.isThere === true;
}

export async function runMigration({ name, filename, hash, sql }: Migration, client: pg.Client): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(sql).catch((error: unknown) => {
      const { code = '', position, message } = error as { code?: string; position?: string; message: string };
      // inTurns recognises these codes.
      if (/^(55P03|40P01|XX000)$/.test(code)) throw error;
      const line = position === undefined ? '' : `, line ${sql.slice(0, Number(position)).split('\n').length}`;
      throw new Error(`The migration ${name} failed: ${message} (${code}${line})`, { cause: error });
    });
    await client.query('set local role wallet_owner');
    await client.query('insert into wallet_migrate.migrations (hash, filename) values ($1, $2)', [hash, filename]);
  });
}

export async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
