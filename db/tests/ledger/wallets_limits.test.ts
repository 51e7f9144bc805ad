import { call, createDatabase, newAsset, newOwner, newWallet } from '../helpers.ts';

interface Limits {
  wallet_id: string;
  seq: number;
  max_spend: number | null;
}

const db = createDatabase();

async function limitsOf(wallet: string, session: Pick<typeof db, 'query'> = db): Promise<Limits | null> {
  const { rows } = await session.query<{ limits: Limits | null }>(
    'select to_jsonb(ledger.wallets_limits(w)) as limits from ledger.wallets w where w.id = $1',
    [wallet],
  );
  expect(rows).toHaveLength(1);
  return rows[0]?.limits ?? null;
}

const set = (wallet_id: string, max_spend: number | null) =>
  call<object>(db, 'wallet_limit_set', { wallet_id, max_spend });

describe('wallets_limits', () => {
  it('is null if none were ever set, whatever limits the asset has', async () => {
    const asset = await newAsset(db);
    await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend: 1 });

    expect(await limitsOf(await newWallet(db, asset))).toBeNull();
  });

  it('is the newest setting of the wallet', async () => {
    const asset = await newAsset(db);
    const [wallet, other] = [await newWallet(db, asset), await newWallet(db, asset)];
    for (const max_spend of [30, 10, 20]) await set(wallet, max_spend);
    await set(other, 99);

    expect(await limitsOf(wallet)).toMatchObject({ wallet_id: wallet, seq: 4, max_spend: 20, max_balance: null });
  });

  it('is the setting that removed all limits, if that is the newest', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    await set(wallet, 1);
    await set(wallet, null);

    expect(await limitsOf(wallet)).toMatchObject({ seq: 3, max_spend: null });
  });

  it('is visible to all readers but players', async () => {
    const owner = newOwner();
    const wallet = await newWallet(db, await newAsset(db), { owner });
    await set(wallet, 7);

    for (const session of [
      await db.connectAs('service', 'shop'),
      await db.connectAs('operator', 'eve'),
      await db.connectAs('auditor', 'audit'),
      await db.connectJob(),
    ])
      expect(await limitsOf(wallet, session)).toMatchObject({ max_spend: 7 });
    expect(await limitsOf(wallet, await db.connectAs('player', owner))).toBeNull();
  });
});
