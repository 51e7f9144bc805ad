/** Applies db/migrations/current.sql, which is not yet committed as a migration. Only in a checkout. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'graphile-migrate';
import pg from 'pg';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../db/migrations', import.meta.url));

export async function applyUncommitted(url: string): Promise<void> {
  const current = await readFile(`${MIGRATIONS_FOLDER}/current.sql`, 'utf8');
  const compiled = await compile({ connectionString: url, migrationsFolder: MIGRATIONS_FOLDER }, current);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`begin;\n${compiled}\n;commit`);
  } finally {
    await client.end();
  }
}
