import { call, createDatabase, forceHead, newWallet, someAsset } from '../helpers.ts';

const db = createDatabase();

async function balance(wallet: string): Promise<unknown> {
  const { rows } = await db.query<{ answer: string }>(
    'select ledger.wallets_balance(w) as answer from ledger.wallets w where id = $1',
    [wallet],
  );
  return rows[0]?.answer;
}

describe('wallets_balance', () => {
  it('equals the value of wallet_balance', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    await forceHead(db, wallet, { balance: '20', bonus_balance: '7', held_balance: '4' });

    expect(await balance(wallet)).toBe('20');
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '20' });
  });

  it('is zero for a wallet without entries', async () => {
    expect(await balance(await newWallet(db, await someAsset(db)))).toBe('0');
  });
});
