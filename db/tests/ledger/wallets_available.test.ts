import { call, createDatabase, forceHead, newWallet, someAsset } from '../helpers.ts';

const db = createDatabase();

async function available(wallet: string): Promise<unknown> {
  const { rows } = await db.query<{ answer: string }>(
    'select ledger.wallets_available(w) as answer from ledger.wallets w where id = $1',
    [wallet],
  );
  return rows[0]?.answer;
}

describe('wallets_available', () => {
  it('says what wallet_balance says', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    await forceHead(db, wallet, { balance: '20', bonus_balance: '7', held_balance: '4' });

    expect(await available(wallet)).toBe('16');
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ available: '16' });
  });

  it('is zero for a wallet without entries', async () => {
    expect(await available(await newWallet(db, await someAsset(db)))).toBe('0');
  });
});
