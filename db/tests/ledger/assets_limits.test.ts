import { call, createDatabase, newAsset, newKey, newOwner, newWallet } from '../helpers.ts';

interface Limits {
  asset_code: string;
  seq: number;
  max_spend: string | null;
}

const db = createDatabase();

async function limitsOf(asset: string, session: Pick<typeof db, 'query'> = db): Promise<Limits | null> {
  const { rows } = await session.query<{ limits: Limits | null }>(
    'select to_jsonb(ledger.assets_limits(a)) as limits from ledger.assets a where a.code = $1',
    [asset],
  );
  expect(rows).toHaveLength(1);
  return rows[0]?.limits ?? null;
}

describe('assets_limits', () => {
  it('is null if none were ever set', async () => {
    expect(await limitsOf(await newAsset(db))).toBeNull();
  });

  it('is the newest setting of the asset', async () => {
    const [asset, other] = [await newAsset(db), await newAsset(db)];
    for (const max_spend of [30, 10, 20]) await call<Limits>(db, 'asset_limit_set', { asset_code: asset, max_spend });
    await call<Limits>(db, 'asset_limit_set', { asset_code: other, max_spend: 99 });

    expect(await limitsOf(asset)).toMatchObject({ asset_code: asset, seq: 3, max_spend: 20, max_balance: null });
  });

  it('is the setting that removed all limits, if that is the newest', async () => {
    const asset = await newAsset(db);
    await call<Limits>(db, 'asset_limit_set', { asset_code: asset, max_spend: 1 });
    await call<Limits>(db, 'asset_limit_set', { asset_code: asset });

    expect(await limitsOf(asset)).toMatchObject({ seq: 2, max_spend: null });
  });

  it('is the limit that applies to a spend', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 100 });
    await call<Limits>(db, 'asset_limit_set', { asset_code: asset, max_spend: 1 });
    await call<Limits>(db, 'asset_limit_set', { asset_code: asset, max_spend: 50 });

    expect(await limitsOf(asset)).toMatchObject({ max_spend: 50 });
    expect(await call(db, 'wallet_spend', { wallet_id, amount: 50, idem_key: newKey() })).toMatchObject({
      balance: '50',
    });
  });

  it('is visible to all readers but players, who need not know its actor', async () => {
    const asset = await newAsset(db);
    await call<Limits>(db, 'asset_limit_set', { asset_code: asset, max_spend: 7 });

    for (const session of [
      await db.connectAs('service', 'shop'),
      await db.connectAs('operator', 'eve'),
      await db.connectAs('auditor', 'audit'),
      await db.connectJob(),
    ])
      expect(await limitsOf(asset, session)).toMatchObject({ max_spend: 7 });
    expect(await limitsOf(asset, await db.connectAs('player', newOwner()))).toBeNull();
  });
});
