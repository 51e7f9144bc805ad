/** The demo's assets, players and opening balances. */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { OUR_SETTINGS } from './session.ts';

const SEED_FILE = new URL('../../db/seed.sql', import.meta.url);

/** Idempotent: every call in the file carries a fixed key. With `onlyIfEmpty`, a ledger in use is left alone. */
export async function seed(url: string, { onlyIfEmpty = false } = {}): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(OUR_SETTINGS);
    if (onlyIfEmpty) {
      const { rowCount } = await client.query('select from ledger.assets limit 1');
      if (rowCount !== 0) return;
    }
    await client.query(await readFile(SEED_FILE, 'utf8'));
  } finally {
    await client.end();
  }
}
