/** Begins a new epoch of the feed in a database that was restored into another cluster. */
import type pg from 'pg';
import { withSession } from './session.ts';

/** Call it after migrating. `url` logs in as an administrator. Does nothing if the cluster is the same. */
export async function beginEpoch(url: string): Promise<void> {
  await withSession(url, 'wallet-migrate', beginEpochIn);
}

export async function beginEpochIn(client: pg.Client): Promise<void> {
  await client.query('set role wallet_owner');
  try {
    await client.query('select ledger_private.begin_epoch()');
  } finally {
    await client.query('reset role');
  }
}
