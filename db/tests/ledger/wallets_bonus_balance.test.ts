import { call, createDatabase, forceHead, newWallet, someAsset } from '../helpers.ts';

const db = createDatabase();

async function bonusBalance(wallet: string): Promise<unknown> {
  const { rows } = await db.query<{ answer: string }>(
    'select ledger.wallets_bonus_balance(w) as answer from ledger.wallets w where id = $1',
    [wallet],
  );
  return rows[0]?.answer;
}

describe('wallets_bonus_balance', () => {
  it('equals the value of wallet_balance', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    await forceHead(db, wallet, { balance: '20', bonus_balance: '7', held_balance: '4' });

    expect(await bonusBalance(wallet)).toBe('7');
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ bonus_balance: '7' });
  });

  it('is zero for a wallet without entries', async () => {
    expect(await bonusBalance(await newWallet(db, await someAsset(db)))).toBe('0');
  });
});
