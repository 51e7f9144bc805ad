/** Makes a database ready to serve. */
import { migrate } from './migrate.ts';
import { seed } from './seed.ts';

/** Migrates, and seeds an empty ledger with the demo. `url` logs in as an administrator. */
export async function prepare(url: string): Promise<void> {
  await migrate(url);
  await seed(url, { onlyIfEmpty: true });
}
