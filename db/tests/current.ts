/** What is being worked on and not yet committed as a migration is tested, and measured, too; and a mutant, where one is asked for. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'graphile-migrate';
import pg from 'pg';
import { applyMutant } from './mutants/apply.ts';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../migrations', import.meta.url));

export async function applyCurrent(url: string): Promise<void> {
  const current = await readFile(`${MIGRATIONS_FOLDER}/current.sql`, 'utf8');
  const compiled = await compile({ connectionString: url, migrationsFolder: MIGRATIONS_FOLDER }, current);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`begin;\n${compiled}\n;commit`);
    // `npm run mutants` sets it.
    if (process.env.MUTANT) await applyMutant(client, process.env.MUTANT);
  } finally {
    await client.end();
  }
}
