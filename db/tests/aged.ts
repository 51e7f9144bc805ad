/** Moves a ledger into the past, so that tests need not wait. */
import { type Database, inMs, REHASH, type Session, writing } from './helpers.ts';
import { RESEAL } from './seals.ts';

/** The ledger's columns with instants. */
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
 * Moves everything booked or recorded in a database into the past, as if it had been requested that much earlier. So a test does not depend
 * on its speed, as long as its instants are further apart than it takes. Hashes, blocks and totals are recomputed, unless `rehash` is to do
 * that later.
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
 * Moves everything into the past until the first of these instants has come: what expires then was valid before, however long that took,
 * and has expired now. Returns the moved instants in UTC.
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
 * For what cannot be moved into the past: books something that expires soon. If the machine is too slow to book it before, tries again with
 * more time. Returns the expiry.
 */
export async function bookSoon(db: Session, book: (expires_at: string) => Promise<unknown>): Promise<string> {
  for (let ms = 200; ; ms *= 2) {
    const expires_at = await inMs(db, ms);
    try {
      await book(expires_at);
      return expires_at;
    } catch (error) {
      // Refused because it has expired, or because reserved credits have.
      if (!['WLARG', 'WLFND'].includes((error as { code?: string }).code ?? '') || ms > 10_000) throw error;
    }
  }
}

async function makeSound(client: Session): Promise<void> {
  await client.query(REHASH);
  await client.query(RESEAL);
}

export const rehash = (db: Database): Promise<void> => tampering(db, makeSound);

/** Runs `work` as a superuser with all triggers disabled. */
export const tampering = (db: Database, work: (client: Session) => Promise<unknown>): Promise<void> =>
  writing(db, async (client) => {
    await client.query('set local session_replication_role = replica');
    await work(client);
  });
