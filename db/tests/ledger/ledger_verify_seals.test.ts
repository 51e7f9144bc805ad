import {
  call,
  callAll,
  createDatabase,
  type Finding,
  newAsset,
  newKey,
  newWallet,
  refusal,
  REHASH,
  rulesOf,
  type Session,
} from '../helpers.ts';
import { keepSeals, RESEAL, sealAll, sealUntil, verifySeals } from '../seals.ts';

const db = createDatabase();
let alice = '';
let bob = '';
let kept = '';

beforeAll(async () => {
  const asset = await newAsset(db);
  [alice, bob] = [await newWallet(db, asset), await newWallet(db, asset)];
  // The wallets' events are in the first block, without the entries.
  await sealAll(db);
  for (const wallet_id of [alice, bob]) await call(db, 'wallet_top_up', { wallet_id, amount: 100, idem_key: newKey() });
  await sealUntil(db, bob, 1);
  for (let n = 0; n < 3; n += 1)
    await call(db, 'wallet_transfer', { from_wallet: alice, to_wallet: bob, amount: 5, idem_key: newKey() });
  await sealUntil(db, bob, 4);
  kept = await keepSeals(db);
});

/** Removes the last transfer with its entries, without a trace. */
const CUT = `delete from ledger.entries where transfer_id = (
    select e.transfer_id from ledger.entries e where e.wallet_id = ALICE order by e.seq desc limit 1)`;
/** Reduces the last transfer by one credit, on both sides. */
const EDIT = `update ledger.entries e set amount = amount - 1,
      balance = balance + case ledger.entries_side(e) when 'debit' then 1 else -1 end,
      paid_balance = paid_balance + case ledger.entries_side(e) when 'debit' then 1 else -1 end,
      free_balance = free_balance + case ledger.entries_side(e) when 'debit' then 1 else -1 end,
      sent_total = sent_total - case when actor is not null then 1 else 0 end, requested_amount = requested_amount - 1
    where transfer_id = (select n.transfer_id from ledger.entries n where n.wallet_id = ALICE order by n.seq desc limit 1)`;

/** The findings after an edit without triggers, which is then rolled back. */
async function after(edit: string, look: (session: Session) => Promise<Finding[]>): Promise<string> {
  const client = await db.connect();
  await client.query('begin; set local session_replication_role = replica');
  const sealed = '(select min(block_seq) from ledger.block_heads where wallet_id = ALICE)';
  await client.query(edit.replaceAll('SEALED', sealed).replaceAll('ALICE', `'${alice}'`).replaceAll('BOB', `'${bob}'`));
  const rules = rulesOf(await look(client)).join(' ');
  await client.query('rollback');
  return rules;
}

const verify = (session: Session): Promise<Finding[]> => callAll<Finding>(session, 'ledger_verify', {});

describe('ledger_verify_seals', () => {
  it('finds nothing in a sealed ledger, with and without exported seals', async () => {
    expect(await verifySeals(db)).toEqual([]);
    expect(await verifySeals(db, kept)).toEqual([]);
    expect(await verify(db)).toEqual([]);
    expect(await verifySeals(await db.connectAs('auditor', 'a'), kept)).toEqual([]);
  });

  it('finds nothing after further bookings and seals: the exported seals are still there', async () => {
    await call(db, 'wallet_top_up', { wallet_id: alice, amount: 1, idem_key: newKey() });
    await sealUntil(db, alice, 5);

    expect(await verifySeals(db, kept)).toEqual([]);
    kept = await keepSeals(db);
    await call(db, 'wallet_transfer', { from_wallet: alice, to_wallet: bob, amount: 9, idem_key: newKey() });
    await sealUntil(db, alice, 6);
    kept = await keepSeals(db);
  });

  it.each([
    ['a tail that was cut off', CUT],
    ['a chain that was computed anew', EDIT],
  ])('finds %s, seals and all, by a seal that was kept elsewhere, and by nothing else', async (_what, edit) => {
    const everything = `${edit}; ${REHASH}; ${RESEAL}`;

    expect(await after(everything, verify)).toBe('');
    expect(await after(everything, (session) => verifySeals(session))).toBe('');
    expect(await after(everything, (session) => verifySeals(session, kept))).toBe('seal_missing');
  });

  it.each([
    ['a tail that was cut off', CUT, 'seal_entry seal_root'],
    ['a total', 'update ledger.house_totals set amount = amount + 1 where block_seq = SEALED', 'seal_chain'],
    ['a total that is gone', 'delete from ledger.house_totals where block_seq = SEALED', 'seal_chain'],
    ['a root', "update ledger.blocks set root = sha256('x') where seq = 1", 'seal_chain seal_root'],
    ['a count of entries', 'update ledger.blocks set entries = entries + 1 where seq = 1', 'seal_chain seal_root'],
    ['a count of wallets', 'update ledger.blocks set wallets = wallets + 1 where seq = 1', 'seal_chain seal_root'],
    ['a snapshot', "update ledger.blocks set snapshot = '5:5:' where seq = 1", 'seal_chain'],
    ['a transaction', "update ledger.blocks set xid = '5' where seq = 1", 'seal_chain'],
    ['a hash of totals', "update ledger.blocks set totals_hash = sha256('x') where seq = SEALED", 'seal_chain'],
    ['what is final', 'update ledger.blocks set final_until = sealed_at where seq = SEALED', 'seal_chain'],
    ['a time', "update ledger.blocks set sealed_at = sealed_at - interval '1 us' where seq = 1", 'seal_chain'],
    ['who sealed', "update ledger.blocks set actor = 'db:me' where seq = 1", 'seal_chain'],
    ['a link', "update ledger.blocks set previous = sha256('x') where seq = 2", 'seal_chain'],
    [
      'a link, and of the hash that covers it,',
      "update ledger.blocks set previous = sha256('x') where seq = 2; update ledger.blocks s set hash = ledger_private.seal_hash(s) where seq = 2",
      'seal_chain',
    ],
    ['the first seal', 'delete from ledger.blocks where seq = 1', 'seal_chain seal_record'],
    ['a seal of entries', 'delete from ledger.blocks where seq = SEALED', 'seal_chain seal_entry'],
    ['the number of a seal', 'update ledger.blocks set seq = 99 where seq = 1', 'seal_chain seal_record seal_root'],
    ['a leaf', 'update ledger.block_heads set seq = seq - 1 where wallet_id = BOB and seq > 1', 'seal_entry seal_root'],
    ['a leaf that is gone', 'delete from ledger.block_heads where wallet_id = ALICE', 'seal_entry seal_root'],
  ])('finds an edit of %s', async (_what, edit, rules) => {
    expect(await after(edit, (session) => verifySeals(session))).toBe(rules);
    expect((await after(edit, verify)).split(' ')).toEqual(expect.arrayContaining(rules.split(' ')));
  });

  it.each([
    // The newest block claims to have closed something else, and everything that depends on it was recomputed.
    [
      'what no block closes although it was committed before',
      `delete from ledger.block_heads where wallet_id = ALICE and block_seq = (
        select max(n.block_seq) from ledger.block_heads n where n.wallet_id = ALICE)`,
      'seal_entry',
    ],
    [
      'a transfer that was closed in the wallet of its sender alone',
      `delete from ledger.block_heads where wallet_id = BOB and block_seq = (
        select max(n.block_seq) from ledger.block_heads n where n.wallet_id = BOB)`,
      'seal_entry',
    ],
    [
      'a block that was cut too early',
      `update ledger.block_heads h set seq = h.seq - 1 where wallet_id = ALICE and block_seq = (
        select max(n.block_seq) from ledger.block_heads n where n.wallet_id = ALICE)`,
      'seal_entry',
    ],
    [
      'a block that closes what was not committed yet',
      "update ledger.blocks set snapshot = '3:3:' where seq = (select max(seq) from ledger.blocks)",
      'seal_entry',
    ],
  ])('finds %s, by the snapshot of the newest', async (_what, edit, rules) => {
    expect(await after(`${edit}; ${REHASH}; ${RESEAL}`, (session) => verifySeals(session))).toBe(rules);
  });

  it.each([
    ['an object', '{}'],
    ['a number', '1'],
    ['null in JSON', 'null'],
    ['a list of texts', '["x"]'],
  ])('refuses %s (WLARG)', async (_what, value) => {
    expect(await refusal(verifySeals(db, value))).toMatchObject({ code: 'WLARG', detail: { argument: 'kept' } });
  });

  it('finds an exported seal without values, and one of another ledger', async () => {
    expect(rulesOf(await verifySeals(db, '[{}]'))).toEqual(['seal_missing']);
    expect(rulesOf(await verifySeals(db, kept.replaceAll('"seq":1,', '"seq":77,')))).toEqual(['seal_missing']);
  });
});
