/** Time that passes without waiting for it. */
import { type Database, inMs, REHASH, type Session, writing } from './helpers.ts';
import { RESEAL } from './seals.ts';

/** What the ledger keeps of time. */
const INSTANTS: Record<string, string[]> = {
  'ledger.wallets': ['created_at'],
  'ledger.wallet_events': ['created_at'],
  'ledger.entries': ['created_at', 'expires_at'],
  'ledger.blocks': ['sealed_at', 'final_until', 'counted_until'],
  'ledger.holds': ['created_at', 'expires_at'],
  'ledger.bonus_lots': ['expires_at'],
  'ledger.bonus_lot_draws': ['expires_at'],
  'ledger_private.open_holds': ['expires_at'],
  'ledger_private.open_lots': ['expires_at', 'due_at'],
  'ledger_private.unsettled_wallets': ['first_failed_at', 'failed_at', 'retry_at'],
};

/**
 * Moves all that was booked and noted in a database into the past: as if it had been asked for so much earlier, and the time since had
 * passed. So nothing depends on how fast a test is, as long as its instants are further apart than it takes. The chains of hashes, and
 * the blocks with their totals, are computed anew, unless they are left until `rehash`.
 */
export async function age(db: Database, interval: string, hashes: 'rehash' | 'later' = 'rehash'): Promise<void> {
  await tampering(db, async (client) => {
    for (const [table, columns] of Object.entries(INSTANTS)) {
      const list = columns.map((column) => `${column} = ${column} - $1::interval`);
      await client.query(`update ${table} set ${list.join(', ')}`, [interval]);
    }
    if (hashes === 'rehash') await makeSound(client);
  });
}

/**
 * Moves all into the past just so far that the first of these instants has come: what expires then was open before, however long that took, and
 * is due now. Answers the instants as they have become, in UTC.
 */
export async function ageTo<T extends [string, ...string[]]>(db: Database, ...instants: T): Promise<T> {
  const { rows } = await db.query<{ left: string; moved: T }>(
    `select l.left::text as left, array(
         select replace(to_json((instant - l.left) at time zone 'utc') #>> '{}', 'T', ' ') || '+00'
         from unnest($1::timestamptz[]) with ordinality i (instant, place) order by place) as moved
       from (select greatest(($1::timestamptz[])[1] - clock_timestamp(), '0') as left) l`,
    [instants],
  );
  const [row] = rows;
  if (!row) throw new Error('no instants');
  await age(db, row.left);
  return row.moved;
}

/**
 * Books what expires soon, for what cannot be moved into the past: all or nothing. A machine that takes longer to book it than it has is given
 * more time. Answers when it expires.
 */
export async function bookSoon(db: Session, book: (expires_at: string) => Promise<unknown>): Promise<string> {
  for (let ms = 200; ; ms *= 2) {
    const expires_at = await inMs(db, ms);
    try {
      await book(expires_at);
      return expires_at;
    } catch (error) {
      // Refused because it has expired, or because what is reserved of it has.
      if (!['WLARG', 'WLFND'].includes((error as { code?: string }).code ?? '') || ms > 10_000) throw error;
    }
  }
}

async function makeSound(client: Session): Promise<void> {
  await client.query(REHASH);
  await client.query(RESEAL);
}

/** Makes the ledger prove sound again. */
export const rehash = (db: Database): Promise<void> => tampering(db, makeSound);

/** A superuser's transaction past all triggers. */
export const tampering = (db: Database, work: (client: Session) => Promise<unknown>): Promise<void> =>
  writing(db, async (client) => {
    await client.query('set local session_replication_role = replica');
    await work(client);
  });
