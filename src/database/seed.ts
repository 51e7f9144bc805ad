/** The demo's assets, players and opening balances. */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { ConfigError } from '../config.ts';
import { oneLine } from '../exit.ts';

const SEED_FILE = new URL('../../db/seed.sql', import.meta.url);

/**
 * Idempotent: every call in the file carries a fixed key. The file refuses a ledger that has other wallets, unless `force`.
 * With `onlyIfEmpty`, a ledger in use is left alone.
 */
export async function seed(url: string, { onlyIfEmpty = false, force = false } = {}): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    if (onlyIfEmpty) {
      const { rowCount } = await client.query('select from ledger.assets limit 1');
      if (rowCount !== 0) return;
    }
    await client.query("select set_config('seed.force', $1, false)", [String(force)]);
    await client.query(await readFile(SEED_FILE, 'utf8'));
  } catch (error) {
    // The file's own refusal, before anything is posted.
    if ((error as pg.DatabaseError).code !== '55000') throw error;
    throw new ConfigError(oneLine(error), { cause: error });
  } finally {
    await client.end();
  }
}
