/** The demo's assets, players and opening balances. */
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { ConfigError } from '../config.ts';
import { oneLine } from '../exit.ts';
import { withSession } from '../migrate/session.ts';

const SEED_FILE = new URL('../../db/seed.sql', import.meta.url);

/**
 * Idempotent: every call in the file has a fixed key. The file refuses a ledger that has other wallets, unless `force`. With `onlyIfEmpty`,
 * a ledger that has assets is left alone.
 */
export async function seed(url: string, { onlyIfEmpty = false, force = false } = {}): Promise<void> {
  await withSession(url, 'wallet-seed', async (client) => {
    if (onlyIfEmpty) {
      // An administrator need not have the right to read the ledger.
      await client.query('set role wallet_auditor');
      const { rowCount } = await client.query('select from ledger.assets limit 1');
      await client.query('reset role');
      if (rowCount !== 0) return;
    }
    await client.query("select set_config('seed.force', $1, false)", [String(force)]);
    await client.query(await readFile(SEED_FILE, 'utf8'));
  }).catch((error: unknown) => {
    // The file refused, before it posted anything.
    if ((error as pg.DatabaseError).code !== '55000') throw error;
    throw new ConfigError(oneLine(error), { cause: error });
  });
}
