/** One wallet that somebody has edited past the guards: each job of the worker does its work for the others. */
import { tampering } from './aged.ts';
import { call, callAll, createDatabase, type Finding, newAsset, newKey, newWallet, type Session } from './helpers.ts';
import { sealedSeq, sealUntil } from './seals.ts';

const MAX = '9223372036854775807';

const EDITS = [
  ['has lost its newest entry', 'delete from ledger.entries where wallet_id = $1 and seq = 2'],
  ['has lost its first entry', 'delete from ledger.entries where wallet_id = $1 and seq = 1'],
  ['has lost all its entries', 'delete from ledger.entries where wallet_id = $1'],
  ['has entries of which it acted in none', 'update ledger.entries set actor = null where wallet_id = $1'],
  ['has lost its row in wallets', 'delete from ledger.wallets where id = $1'],
  [
    'has balances at the end of what is counted',
    `update ledger.entries set balance = ${MAX}, topped_up_total = ${MAX}, amount = ${MAX} where wallet_id = $1`,
  ],
  [
    'has moved amounts at the end of what is counted',
    `update ledger.entries set amount = ${MAX}, held_amount = ${MAX}, requested_amount = ${MAX} where wallet_id = $1`,
  ],
  [
    'has an entry with the last of all numbers',
    `update ledger.entries set seq = ${MAX} where wallet_id = $1 and seq = 2`,
  ],
  ['has entries of the year 294276', "update ledger.entries set created_at = '294276-12-31' where wallet_id = $1"],
  ['has hashes of no length', "update ledger.entries set hash = '' where wallet_id = $1"],
  ['has a hold of as much as is counted', `update ledger.holds set amount = ${MAX} where wallet_id = $1`],
  ['has lost its hold', 'delete from ledger.holds where wallet_id = $1'],
] as const;

describe.each(EDITS)('where a wallet %s,', (_what, sql) => {
  const db = createDatabase();
  let bad = '';
  let good = '';
  let worker: Session;
  const cursorOf = async (after: string | null) =>
    call<{ next_cursor: string; is_full: boolean; postings: Record<string, number> }>(worker, 'ledger_notify', {
      after,
    });

  beforeAll(async () => {
    const asset = await newAsset(db);
    [bad, good] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset, { bought: 5 })];
    await call(db, 'wallet_hold', { wallet_id: bad, amount: 1, idem_key: newKey() });
  });
  beforeEach(async () => {
    worker = await db.connectLogin('wallet_worker');
  });

  it('the feed is told, what is new is sealed, and the proof says what is wrong', async () => {
    await tampering(db, (client) => client.query(sql, [bad]));
    await call(db, 'wallet_spend', { wallet_id: good, amount: 1, idem_key: newKey() });

    let told: Record<string, number> = {};
    // From the first event.
    for (let cursor = ''; told.spend === undefined;) {
      const page = await cursorOf(cursor);
      ({ next_cursor: cursor } = page);
      told = { ...told, ...page.postings };
    }
    expect(told).toMatchObject({ spend: 1 });
    await sealUntil(db, good, 2);
    expect(await sealedSeq(db, good)).toBe(2);
    expect((await worker.query('select from ledger.ledger_seal()')).rowCount).toBe(0);
    const findings = await callAll<Finding>(worker, 'ledger_prove', {});
    expect(findings).not.toEqual([]);
    expect(findings.filter(({ wallet_id }) => wallet_id === good)).toEqual([]);
    const { rows } = await db.query<{ findings: string }>('select findings from ledger.verifications');
    expect(rows).toEqual([{ findings: String(findings.length) }]);
  });
});
