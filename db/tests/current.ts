/** Also applies what is not yet committed as a migration, for tests and measurements; and a mutant, if one is set. */
import pg from 'pg';
import { applyUncommitted } from '../../src/dev/uncommitted.ts';
import { applyMutant } from './mutants/apply.ts';

export async function applyCurrent(url: string): Promise<void> {
  await applyUncommitted(url);
  // Set by `npm run mutants`.
  if (!process.env.MUTANT) return;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await applyMutant(client, process.env.MUTANT).finally(() => client.end());
}
