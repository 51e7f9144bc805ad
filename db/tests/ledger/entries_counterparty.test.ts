import { randomUUID } from 'node:crypto';
import {
  call,
  callAll,
  createDatabase,
  houseWallet,
  newKey,
  newOwner,
  newWallet,
  type Session,
  someAsset,
  writing,
} from '../helpers.ts';

const db = createDatabase();

/** The counterparties of a wallet's entries, oldest first, which are those that its history tells. */
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
  /** Whose key it is. */
  wallet: string;
  debit?: string | undefined;
  credit?: string | undefined;
  reverses?: string;
}

/** Writes a transfer of no credits and its entries by hand: kinds that nothing books yet, and a ledger that is not sound. */
async function write({ kind, wallet, debit, credit, reverses }: Movement): Promise<string> {
  const id = randomUUID();
  await writing(db, async (client) => {
    await client.query(
      `insert into ledger.transfers (id, wallet_id, idem_key, kind, debit_wallet_id, credit_wallet_id, amount, reverses,
         metadata, actor, created_at)
       values ($1, $2, $1::uuid::text, $3::ledger.transfer_kind, $4, $5, 0, $6, '{}', 'db:test', clock_timestamp())`,
      [id, wallet, kind, debit, credit, reverses],
    );
    for (const [side, owner] of [
      ['debit', debit],
      ['credit', credit],
    ]) {
      if (owner === undefined) continue;
      await client.query(
        `insert into ledger.entries
         select $2, coalesce(max(seq), 0) + 1, $1, $3::ledger.transfer_kind, $4::ledger.entry_side, 0, 0, 0, 0, 0, 0, 0, 0, 0, '',
           clock_timestamp()
         from ledger.entries where wallet_id = $2`,
        [id, owner, kind, side],
      );
    }
  });
  return id;
}

describe('entries_counterparty', () => {
  it('names the account of the house, and the wallet of another player', async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset, { bought: 10, bonus: 5 });
    const friend = await newWallet(db, asset);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 6, idem_key: newKey() });
    await call(db, 'wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 2, idem_key: newKey() });
    await call(db, 'wallet_transfer', { from_wallet: friend, to_wallet: wallet, amount: 1, idem_key: newKey() });

    expect(await counterparties(wallet)).toEqual(['treasury', 'promotions', 'revenue', friend, friend]);
    expect(await counterparties(friend)).toEqual([wallet, wallet]);
  });

  it('names the account of the house for captures and expiries', async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset);
    const [revenue, breakage] = [
      await houseWallet(db, asset, 'revenue', 1),
      await houseWallet(db, asset, 'breakage', 1),
    ];
    await write({ kind: 'capture', wallet, debit: wallet, credit: revenue });
    await write({ kind: 'expiry', wallet, debit: wallet, credit: breakage });

    expect(await counterparties(wallet)).toEqual(['revenue', 'breakage']);
  });

  it('is null where credits were only reserved or freed', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await write({ kind: 'hold', wallet, debit: wallet });
    await write({ kind: 'release', wallet, credit: wallet });

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
    const house = await houseWallet(db, asset, account, 2);
    const [debit, credit] = account === 'revenue' ? [wallet, house] : [house, wallet];
    const reverses = await write({ kind, wallet, debit, credit });
    await write({ kind: 'reversal', wallet, debit: credit, credit: debit, reverses });

    for (const session of [await db.connectAs('player', owner), await db.connectAs('service', 'shop'), db]) {
      expect(await counterparties(wallet, session)).toEqual([account, account]);
    }
    expect((await counterparties(house, await db.connectAs('auditor'))).slice(-2)).toEqual([wallet, wallet]);
  });

  it('of the reversal of a transfer is the other player, whom only the sender is shown', async () => {
    const asset = await someAsset(db);
    const [sender, receiver] = [newOwner(), newOwner()];
    const from = await newWallet(db, asset, { owner: sender });
    const to = await newWallet(db, asset, { owner: receiver });
    const reverses = await write({ kind: 'transfer', wallet: from, debit: from, credit: to });
    await write({ kind: 'reversal', wallet: from, debit: to, credit: from, reverses });

    expect(await counterparties(from, await db.connectAs('player', sender))).toEqual([to, to]);
    expect(await counterparties(to, await db.connectAs('player', receiver))).toEqual([null, null]);
    expect(await counterparties(from, await db.connectJob())).toEqual([to, to]);
    expect(await counterparties(to, await db.connectJob())).toEqual([from, from]);
  });

  it('is null of a reversal of nothing', async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset);
    const house = await houseWallet(db, asset, 'treasury', 3);
    await write({ kind: 'reversal', wallet, debit: wallet, credit: house, reverses: randomUUID() });
    await write({ kind: 'reversal', wallet, debit: wallet, credit: house });

    expect(await counterparties(wallet)).toEqual([null, null]);
  });

  it('is told to a player of everything but a transfer received', async () => {
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

  it("is the player's wallet on the house's own entries, which an auditor sees", async () => {
    const asset = await someAsset(db);
    const wallet = await newWallet(db, asset, { bought: 10 });
    const { rows } = await db.query<{ debit_wallet_id: string }>(
      'select debit_wallet_id from ledger.transfers where wallet_id = $1',
      [wallet],
    );
    const treasury = rows[0]?.debit_wallet_id ?? '';

    expect(await counterparties(treasury, await db.connectAs('auditor', 'audit'))).toContain(wallet);
    expect(await counterparties(treasury, await db.connectAs('service', 'shop'))).toEqual([]);
  });
});
