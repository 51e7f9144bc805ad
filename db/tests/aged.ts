/** Time that passes without waiting for it. */
import { type Database, REHASH, type Session, writing } from './helpers.ts';

/** What the ledger keeps of time. */
const INSTANTS: Record<string, string[]> = {
  'ledger.wallets': ['created_at'],
  'ledger.wallet_events': ['created_at'],
  'ledger.transfers': ['created_at', 'expires_at'],
  'ledger.entries': ['created_at'],
  'ledger.holds': ['created_at', 'expires_at'],
  'ledger.bonus_lots': ['expires_at'],
  'ledger.bonus_lot_draws': ['expires_at'],
  'ledger_private.open_holds': ['expires_at'],
  'ledger_private.open_lots': ['expires_at', 'due_at'],
  'ledger_private.unsettled_wallets': ['first_failed_at', 'failed_at', 'retry_at'],
};

/**
 * Moves all that was booked and noted in a database into the past: as if it had been asked for so much earlier, and the time since had
 * passed. So nothing depends on how fast a test is, as long as its instants are further apart than it takes. The chains of hashes are
 * computed anew, unless they are left until `rehash`.
 */
export async function age(db: Database, interval: string, hashes: 'rehash' | 'later' = 'rehash'): Promise<void> {
  await tampering(db, async (client) => {
    for (const [table, columns] of Object.entries(INSTANTS)) {
      const list = columns.map((column) => `${column} = ${column} - $1::interval`);
      await client.query(`update ${table} set ${list.join(', ')}`, [interval]);
    }
    if (hashes === 'rehash') await client.query(REHASH);
  });
}

/** Makes the ledger prove sound again. */
export const rehash = (db: Database): Promise<void> => tampering(db, (client) => client.query(REHASH));

/** A superuser's transaction past all triggers. */
export const tampering = (db: Database, work: (client: Session) => Promise<unknown>): Promise<void> =>
  writing(db, async (client) => {
    await client.query('set local session_replication_role = replica');
    await work(client);
  });
