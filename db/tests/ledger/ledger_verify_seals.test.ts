import {
  call,
  callAll,
  createDatabase,
  type Finding,
  newAsset,
  newKey,
  newWallet,
  refusal,
  rulesOf,
  type Session,
} from '../helpers.ts';
import { keepSeals, seal, sealUntil, verifySeals } from '../seals.ts';

const db = createDatabase();
let alice = '';
let bob = '';
let kept = '';

beforeAll(async () => {
  const asset = await newAsset(db);
  [alice, bob] = [await newWallet(db, asset), await newWallet(db, asset)];
  // What stands beside the entries waits for no horizon: it alone is in the first seal.
  while ((await seal(db)).length > 0);
  for (const wallet_id of [alice, bob]) await call(db, 'wallet_top_up', { wallet_id, amount: 100, idem_key: newKey() });
  await sealUntil(db, bob, 1);
  for (let n = 0; n < 3; n += 1)
    await call(db, 'wallet_transfer', { from_wallet: alice, to_wallet: bob, amount: 5, idem_key: newKey() });
  await sealUntil(db, bob, 4);
  kept = await keepSeals(db);
});

/** Computes all chains, and then all seals, anew, as somebody would who knows the formats and wants nothing to show. */
const REHASH = `do $$
  declare
    v_entry ledger.entries;
    v_transfer ledger.transfers;
    v_wallet uuid;
    v_hash bytea;
    v_seal ledger.blocks;
    v_last ledger.blocks;
  begin
    for v_entry in select * from ledger.entries order by wallet_id, seq loop
      v_hash := case when v_entry.wallet_id = v_wallet then v_hash end;
      v_wallet := v_entry.wallet_id;
      select * into v_transfer from ledger.transfers where id = v_entry.transfer_id;
      v_hash := ledger_private.entry_hash(v_hash, ledger_private.entry_bytes(v_entry, ledger_private.transfer_bytes(v_transfer)));
      update ledger.entries set hash = v_hash where wallet_id = v_entry.wallet_id and seq = v_entry.seq;
    end loop;
    delete from ledger.block_heads h where not exists (select from ledger.entries e where e.wallet_id = h.wallet_id and e.seq = h.seq);
    delete from ledger.blocks s where not exists (select from ledger.block_heads h where h.block_seq = s.seq)
      and not exists (select from ledger.block_records r where r.block_seq = s.seq);
    for v_seal in select * from ledger.blocks order by seq loop
      select ledger_private.merkle_root(array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) || (
            select array_agg(ledger_private.seal_leaf(n.id, n.seq, r.hash) order by n.chain, n.id)
              from ledger.block_records n join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
              where n.block_seq = v_seal.seq)),
          count(*), coalesce(sum(h.seq - coalesce((
            select max(p.seq) from ledger.block_heads p where p.wallet_id = h.wallet_id and p.block_seq < h.block_seq), 0)), 0)
        into v_seal.root, v_seal.wallets, v_seal.entries
        from ledger.block_heads h join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
        where h.block_seq = v_seal.seq;
      v_seal.previous := v_last.hash;
      v_seal.hash := ledger_private.seal_hash(v_seal);
      update ledger.blocks set root = v_seal.root, wallets = v_seal.wallets, entries = v_seal.entries, previous = v_seal.previous,
        hash = v_seal.hash where seq = v_seal.seq;
      v_last := v_seal;
    end loop;
  end $$`;

/** The last transfer is taken away with its entries; what is left is as if it had never been. */
const CUT = `with newest as (
    select e.transfer_id from ledger.entries e where e.wallet_id = ALICE order by e.seq desc limit 1
  ), entries as (delete from ledger.entries where transfer_id in (select transfer_id from newest))
  delete from ledger.transfers where id in (select transfer_id from newest)`;
/** The last transfer has moved one credit less, on both sides. */
const EDIT = `with newest as (
    select e.transfer_id from ledger.entries e where e.wallet_id = ALICE order by e.seq desc limit 1
  ), entries as (
    update ledger.entries e set amount = amount - 1, balance = balance + case side when 'debit' then 1 else -1 end
      where transfer_id in (select transfer_id from newest)
  )
  update ledger.transfers set amount = amount - 1, requested_amount = requested_amount - 1 where id in (select transfer_id from newest)`;

/** What is found after an edit past the triggers; afterwards all is as before. */
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
  it('finds nothing in a sealed ledger, with what was kept elsewhere and without', async () => {
    expect(await verifySeals(db)).toEqual([]);
    expect(await verifySeals(db, kept)).toEqual([]);
    expect(await verify(db)).toEqual([]);
    expect(await verifySeals(await db.connectAs('auditor', 'a'), kept)).toEqual([]);
  });

  it('finds nothing after more was booked and sealed: what was kept is still there', async () => {
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
    const everything = `${edit}; ${REHASH}`;

    expect(await after(everything, verify)).toBe('');
    expect(await after(everything, (session) => verifySeals(session))).toBe('');
    expect(await after(everything, (session) => verifySeals(session, kept))).toBe('seal_missing');
  });

  it.each([
    ['a tail that was cut off', CUT, 'seal_entry seal_root'],
    ['a root', "update ledger.blocks set root = sha256('x') where seq = 1", 'seal_chain seal_root'],
    ['a count of entries', 'update ledger.blocks set entries = entries + 1 where seq = 1', 'seal_chain seal_root'],
    ['a count of wallets', 'update ledger.blocks set wallets = wallets + 1 where seq = 1', 'seal_chain seal_root'],
    ['a horizon', "update ledger.blocks set horizon = '5' where seq = 1", 'seal_chain'],
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

  it('finds what no block holds although it is before the horizon', async () => {
    const edit = `with gone as (delete from ledger.block_heads where wallet_id = BOB) select; ${REHASH}`;

    expect(await after(edit, (session) => verifySeals(session))).toBe('seal_entry');
  });

  it.each([
    ['an object', '{}'],
    ['a number', '1'],
    ['null in JSON', 'null'],
    ['a list of texts', '["x"]'],
  ])('refuses %s (WLARG)', async (_what, value) => {
    expect(await refusal(verifySeals(db, value))).toMatchObject({ code: 'WLARG', detail: { argument: 'kept' } });
  });

  it('finds a kept seal without facts, and one of another ledger', async () => {
    expect(rulesOf(await verifySeals(db, '[{}]'))).toEqual(['seal_missing']);
    expect(rulesOf(await verifySeals(db, kept.replaceAll('"seq":1,', '"seq":77,')))).toEqual(['seal_missing']);
  });
});
