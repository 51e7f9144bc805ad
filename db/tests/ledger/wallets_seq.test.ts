import { createDatabase, newWallet, someAsset } from '../helpers.ts';

const db = createDatabase();

async function seq(wallet: string): Promise<unknown> {
  const { rows } = await db.query<{ answer: string }>(
    'select ledger.wallets_seq(w) as answer from ledger.wallets w where id = $1',
    [wallet],
  );
  return rows[0]?.answer;
}

describe('wallets_seq', () => {
  it('is the number of the newest entry', async () => {
    expect(await seq(await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 }))).toBe('2');
  });

  it('is zero for a wallet without entries', async () => {
    expect(await seq(await newWallet(db, await someAsset(db)))).toBe('0');
  });
});
