import {
  call,
  callAll,
  createDatabase,
  newKey,
  newOwner,
  newWallet,
  type Session,
  someAsset,
  UNKNOWN_WALLET,
} from '../helpers.ts';

interface Line {
  seq: string;
  kind: string;
  side: string;
  counterparty: string | null;
  idem_key: string | null;
  actor: string | null;
  metadata: object | null;
}

const db = createDatabase();
const history = (wallet_id: string, session: Session = db) => callAll<Line>(session, 'wallet_history', { wallet_id });

describe('wallet_history', () => {
  it('has all entries of a wallet, oldest first', async () => {
    const asset = await someAsset(db);
    const [wallet, friend] = [await newWallet(db, asset), await newWallet(db, asset)];
    await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 10, idem_key: 't', metadata: { payment: 'p' } });
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 5, idem_key: 'b' });
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 6, idem_key: 's' });
    const sent = await call(db, 'wallet_transfer', {
      from_wallet: wallet,
      to_wallet: friend,
      amount: 2,
      idem_key: 'x',
    });

    const lines = await history(wallet);

    expect(lines).toMatchObject([
      {
        seq: '1',
        kind: 'top_up',
        side: 'credit',
        amount: '10',
        bonus_amount: '0',
        held_amount: '0',
        balance: '10',
        bonus_balance: '0',
        held_balance: '0',
        counterparty: 'treasury',
        idem_key: 't',
        metadata: { payment: 'p' },
      },
      {
        seq: '2',
        kind: 'bonus',
        side: 'credit',
        amount: '5',
        bonus_amount: '5',
        balance: '15',
        bonus_balance: '5',
        counterparty: 'promotions',
        idem_key: 'b',
      },
      {
        seq: '3',
        kind: 'spend',
        side: 'debit',
        amount: '6',
        bonus_amount: '5',
        balance: '9',
        bonus_balance: '0',
        counterparty: 'revenue',
        idem_key: 's',
      },
      {
        seq: '4',
        kind: 'transfer',
        side: 'debit',
        amount: '2',
        balance: '7',
        counterparty: friend,
        idem_key: 'x',
        transfer_id: sent.transfer_id,
        created_at: sent.created_at,
        actor: expect.stringMatching(/^db:/) as string,
      },
    ]);
    expect(Object.keys(lines[0] ?? {})).toEqual([
      'seq',
      'created_at',
      'kind',
      'side',
      'amount',
      'bonus_amount',
      'held_amount',
      'balance',
      'bonus_balance',
      'held_balance',
      'transfer_id',
      'counterparty',
      'idem_key',
      'actor',
      'metadata',
    ]);
  });

  it('shows a service all of a transfer received, and the player the entry only', async () => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const [from, to] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset, { owner })];
    const request = { from_wallet: from, to_wallet: to, amount: 2, idem_key: newKey(), metadata: { note: 'secret' } };
    await call(db, 'wallet_transfer', request);

    const [seen] = await history(to, await db.connectAs('service', 'shop'));
    const [own] = await history(to, await db.connectAs('player', owner));

    expect(seen).toMatchObject({
      kind: 'transfer',
      side: 'credit',
      counterparty: from,
      idem_key: request.idem_key,
      metadata: { note: 'secret' },
    });
    expect(own).toEqual({ ...seen, counterparty: null, idem_key: null, actor: null, metadata: null });
  });

  it('names the house account to a player too', async () => {
    const owner = newOwner();
    const wallet = await newWallet(db, await someAsset(db), { owner, bought: 10, bonus: 1 });

    expect(await history(wallet, await db.connectAs('player', owner))).toMatchObject([
      { counterparty: 'treasury' },
      { counterparty: 'promotions' },
    ]);
  });

  it('is empty for a wallet without entries, an unknown one and one that the caller may not see', async () => {
    const asset = await someAsset(db);
    const player = await db.connectAs('player', newOwner());

    expect(await history(await newWallet(db, asset))).toEqual([]);
    expect(await history(UNKNOWN_WALLET)).toEqual([]);
    expect(await history(await newWallet(db, asset, { bought: 1 }), player)).toEqual([]);
  });
});
