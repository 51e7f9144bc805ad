/** A database that was restored into another cluster begins a new epoch of its feed there. */
import pg from 'pg';

const LOCK_TIMEOUT_MS = 60_000;

/** To be called after migrating. `url` logs in as an administrator. Costs nothing where the cluster is the same. */
export async function beginEpoch(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'wallet-migrate' });
  await client.connect();
  try {
    // Not with the start of the connection: poolers refuse that.
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}; set role wallet_owner`);
    await client.query('select ledger_private.begin_epoch()');
  } finally {
    await client.end();
  }
}
