/** What is being worked on and not yet committed as a migration is tested, and measured, too; and a mutant, where one is asked for. */
import pg from 'pg';
import { applyUncommitted } from '../../src/dev/uncommitted.ts';
import { applyMutant } from './mutants/apply.ts';

export async function applyCurrent(url: string): Promise<void> {
  await applyUncommitted(url);
  // `npm run mutants` sets it.
  if (!process.env.MUTANT) return;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await applyMutant(client, process.env.MUTANT).finally(() => client.end());
}
