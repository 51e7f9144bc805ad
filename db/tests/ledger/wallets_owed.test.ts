import { call, createDatabase, newAsset, newKey, newWallet } from '../helpers.ts';

describe('wallets_owed', () => {
  const db = createDatabase();
  const owed = async (wallet: string) =>
    (await db.query('select ledger.wallets_owed(w) as owed from ledger.wallets w where id = $1', [wallet])).rows;

  it('is 0 for a wallet without entries and for one that never had a debt', async () => {
    expect(await owed(await newWallet(db, await newAsset(db)))).toEqual([{ owed: '0' }]);
    expect(await owed(await newWallet(db, await newAsset(db), { bought: 5 }))).toEqual([{ owed: '0' }]);
  });

  it('is what chargebacks could not take and was neither paid nor forgiven since', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 9, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id, amount: 9, idem_key: newKey() });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey(), owe: true });
    expect(await owed(wallet_id)).toEqual([{ owed: '9' }]);

    await call(db, 'wallet_forgive', { wallet_id, amount: 9, idem_key: newKey(), reason: 'a gesture' });
    expect(await owed(wallet_id)).toEqual([{ owed: '0' }]);
  });
});
