import { randomUUID } from 'node:crypto';
import {
  call,
  callAll,
  createDatabase,
  newKey,
  newOwner,
  newWallet,
  type Session,
  someAsset,
  writing,
} from '../helpers.ts';

const db = createDatabase();

/** The counterparties of a wallet's entries, oldest first, which must equal those of its history. */
async function counterparties(wallet: string, session: Session = db): Promise<(string | null)[]> {
  const { rows } = await session.query<{ answer: string | null }>(
    'select ledger.entries_counterparty(e) as answer from ledger.entries e where e.wallet_id = $1 order by e.seq',
    [wallet],
  );
  const answers = rows.map(({ answer }) => answer);
  const lines = await callAll<{ counterparty: string | null }>(session, 'wallet_history', { wallet_id: wallet });
  expect(lines.map(({ counterparty }) => counterparty)).toEqual(answers);
  return answers;
}

interface Movement {
  kind: string;
  /** The acting wallet. */
  wallet: string;
  debit?: string;
  credit?: string;
  /** The other player's wallet. */
  other?: string;
  reverses?: string;
}

/** Inserts the entries of a movement of 0 credits directly: the ledger is not sound afterwards. */
async function write({
  kind,
  wallet,
  debit = 'player',
  credit = 'player',
  other,
  reverses,
}: Movement): Promise<string> {
  const id = randomUUID();
  const entry = (client: Session, facts: object) =>
    client.query(
      `insert into ledger.entries
       select (jsonb_populate_record(null::ledger.entries, jsonb_build_object('seq', (
           select coalesce(max(e.seq), 0) + 1 from ledger.entries e where e.wallet_id = ($1::jsonb ->> 'wallet_id')::uuid),
         'amount', 0, 'bonus_amount', 0, 'held_amount', 0, 'balance', 0, 'bonus_balance', 0, 'held_balance', 0, 'paid_balance', 0,
         'free_balance', 0, 'topped_up_total', 0, 'granted_total', 0, 'spent_total', 0, 'sent_total', 0, 'hash', '',
         'created_at', clock_timestamp(), 'xid', pg_current_xact_id()::text) || $1::jsonb)).*`,
      [JSON.stringify({ transfer_id: id, kind, debit, credit, ...facts })],
    );
  await writing(db, async (client) => {
    if (other !== undefined) await entry(client, { wallet_id: other });
    await entry(client, {
      ...{ wallet_id: wallet, actor: 'db:test', idem_key: id, to_wallet: other, reverses, metadata: {} },
    });
  });
  return id;
}

describe('entries_counterparty', () => {
  it('is the house account, or the wallet of another player', async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset, { bought: 10, bonus: 5 });
    const friend = await newWallet(db, asset);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 6, idem_key: newKey() });
    await call(db, 'wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 2, idem_key: newKey() });
    await call(db, 'wallet_transfer', { from_wallet: friend, to_wallet: wallet, amount: 1, idem_key: newKey() });

    expect(await counterparties(wallet)).toEqual(['treasury', 'promotions', 'revenue', friend, friend]);
    expect(await counterparties(friend)).toEqual([wallet, wallet]);
  });

  it('is the house account for captures and expiries', async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset);
    await write({ kind: 'capture', wallet, credit: 'revenue' });
    await write({ kind: 'expiry', wallet, credit: 'breakage' });

    expect(await counterparties(wallet)).toEqual(['revenue', 'breakage']);
  });

  it('is null if credits were only reserved or released', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await write({ kind: 'hold', wallet });
    await write({ kind: 'release', wallet });

    expect(await counterparties(wallet)).toEqual([null, null]);
  });

  it.each([
    { kind: 'top_up', account: 'treasury' },
    { kind: 'bonus', account: 'promotions' },
    { kind: 'spend', account: 'revenue' },
    { kind: 'capture', account: 'revenue' },
  ])('of the reversal of a $kind is the $account', async ({ kind, account }) => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const wallet = await newWallet(db, asset, { owner });
    const [debit, credit] = account === 'revenue' ? ['player', account] : [account, 'player'];
    const reverses = await write({ kind, wallet, debit, credit });
    await write({ kind: 'reversal', wallet, debit: credit, credit: debit, reverses });

    for (const session of [await db.connectAs('player', owner), await db.connectAs('service', 'shop'), db]) {
      expect(await counterparties(wallet, session)).toEqual([account, account]);
    }
  });

  it('of the reversal of a transfer is the other player, whom only the sender sees', async () => {
    const asset = await someAsset(db);
    const [sender, receiver] = [newOwner(), newOwner()];
    const from = await newWallet(db, asset, { owner: sender });
    const to = await newWallet(db, asset, { owner: receiver });
    const reverses = await write({ kind: 'transfer', wallet: from, other: to });
    await write({ kind: 'reversal', wallet: from, other: to, reverses });

    expect(await counterparties(from, await db.connectAs('player', sender))).toEqual([to, to]);
    expect(await counterparties(to, await db.connectAs('player', receiver))).toEqual([null, null]);
    expect(await counterparties(from, await db.connectJob())).toEqual([to, to]);
    expect(await counterparties(to, await db.connectJob())).toEqual([from, from]);
  });

  it('is shown to a player for everything but a transfer received', async () => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const wallet = await newWallet(db, asset, { owner, bought: 10, bonus: 1 });
    const friend = await newWallet(db, asset, { bought: 10 });
    await call(db, 'wallet_transfer', { from_wallet: friend, to_wallet: wallet, amount: 3, idem_key: newKey() });
    await call(db, 'wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 3, idem_key: newKey() });

    const player = await db.connectAs('player', owner);

    expect(await counterparties(wallet, player)).toEqual(['treasury', 'promotions', null, friend]);
    expect(await counterparties(friend, player)).toEqual([]);
    expect(await counterparties(wallet, await db.connectAs('operator', 'op'))).toEqual([
      'treasury',
      'promotions',
      friend,
      friend,
    ]);
  });
});
