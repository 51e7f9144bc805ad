/**
 * `npm run schema`: writes schema.graphql and db/listing.txt, so that changes of the API and of the database show in the history. Without
 * DATABASE_URL it uses a new database made from the migrations and current.sql. `-- --print` prints the API.
 */
import '../graphql/graphile-env.ts';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import pg from 'pg';
import { makeSchema } from 'postgraphile';
import { lexicographicSortSchema, printSchema } from 'postgraphile/graphql';
import { readCommandConfig, type Config } from '../config.ts';
import { openDatabase } from '../database/database.ts';
import { listSchema } from './listing.ts';
import { mayMigrate, migrate } from '../migrate/migrate.ts';
import { applyUncommitted } from './uncommitted.ts';
import { createPreset } from '../graphql/graphile.config.ts';
import { ListsPlugins } from '../lists/index.ts';
import { SubscriptionsPlugins } from '../subscriptions/index.ts';
import { startLocalServer } from './local.ts';
import { command } from '../command.ts';

const HELP = `npm run schema -- [--print]

Writes the GraphQL schema to schema.graphql, and the schema of the database to db/listing.txt. Without DATABASE_URL both are those of a
database that is made for it from the migrations and current.sql, and dropped afterwards.

  --print  prints the GraphQL schema instead`;

await command({ help: HELP, options: { print: { type: 'boolean', default: false } } }, async ({ print }) => {
  const config = readCommandConfig(process.env);
  if (config.databaseUrl !== undefined) await write(config, config.databaseUrl, print);
  else await withScratchDatabase((url) => write(config, url, print));
  return 0;
});

async function write(config: Config, url: string, print: boolean): Promise<void> {
  const database = await openDatabase({ ...config, databaseUrl: url }, { migrate, mayMigrate });
  try {
    const plugins = [...ListsPlugins, ...SubscriptionsPlugins];
    const { schema } = await makeSchema(createPreset({ pool: database.pool, plugins }));
    const sdl = printSchema(lexicographicSortSchema(schema)).replaceAll(/ +$/gm, '');
    if (print) {
      console.log(sdl);
      return;
    }
    await writeFile(new URL('../../schema.graphql', import.meta.url), `${sdl}\n`);
    const listing = await withClient(url, listSchema);
    await writeFile(new URL('../../db/listing.txt', import.meta.url), listing);
  } finally {
    await database.close();
  }
}

/** A new database has what the files say, whatever the development database contains. */
async function withScratchDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const server = await startLocalServer();
  const name = `wallet_schema_${randomBytes(4).toString('hex')}`;
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  try {
    await withClient(server.url, (client) => client.query(`create database ${name}`));
    try {
      await migrate(url.href);
      await applyUncommitted(url.href);
      await work(url.href);
    } finally {
      await withClient(server.url, (client) => client.query(`drop database ${name} with (force)`));
    }
  } finally {
    await server.stop();
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return work(client).finally(() => client.end());
}
