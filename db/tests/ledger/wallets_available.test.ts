import { age } from '../aged.ts';
import { call, createDatabase, forceHead, inMs, newKey, newWallet, someAsset } from '../helpers.ts';

const db = createDatabase();

async function available(wallet: string): Promise<unknown> {
  const { rows } = await db.query<{ answer: string }>(
    'select ledger.wallets_available(w) as answer from ledger.wallets w where id = $1',
    [wallet],
  );
  return rows[0]?.answer;
}

describe('wallets_available', () => {
  it('equals the value of wallet_balance', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    await forceHead(db, wallet, { balance: '20', bonus_balance: '7', held_balance: '4' });

    expect(await available(wallet)).toBe('16');
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ available: '16' });
  });

  it('is zero for a wallet without entries', async () => {
    expect(await available(await newWallet(db, await someAsset(db)))).toBe('0');
  });

  it('excludes expired credits before that is booked, unless a hold reserves them', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 8, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey() });
    const before = await available(wallet_id);
    await age(db, '1 hour');

    const due = await available(wallet_id);
    await call(db, 'wallet_expire_due', {});

    expect([before, due, await available(wallet_id)]).toEqual(['15', '10', '10']);
  });

  it("includes a hold's credits from its expiry on, before that is booked, except expired ones", async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 100 });
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    await call(db, 'wallet_bonus', { wallet_id, amount: 8, idem_key: newKey(), expires_at: soon });
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at: later });
    await call(db, 'wallet_hold', { wallet_id, amount: 50, idem_key: newKey(), expires_at: soon });
    const before = await available(wallet_id);
    await age(db, '90 minutes');

    const due = await available(wallet_id);
    await call(db, 'wallet_spend', { wallet_id, amount: due, idem_key: newKey() });

    expect([before, due, await available(wallet_id)]).toEqual(['63', '105', '0']);
  });
});
