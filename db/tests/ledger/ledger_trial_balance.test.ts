import { call, callAll, createDatabase, newAsset, newKey, newWallet } from '../helpers.ts';

interface Row {
  asset_code: string;
  account: string;
  debit: string;
  credit: string;
}

const db = createDatabase();
const trialBalance = (asset_code?: string | null) => callAll<Row>(db, 'ledger_trial_balance', { asset_code });

describe('ledger_trial_balance', () => {
  it('sums each account of an asset on its normal side', async () => {
    const asset = await newAsset(db);
    for (let player = 0; player < 5; player += 1) {
      const wallet = await newWallet(db, asset, { bought: 100, bonus: 10 });
      await call(db, 'wallet_spend', { wallet_id: wallet, amount: 30, idem_key: newKey() });
    }

    expect(await trialBalance(asset)).toEqual([
      { asset_code: asset, account: 'treasury', debit: '500', credit: '0' },
      { asset_code: asset, account: 'promotions', debit: '50', credit: '0' },
      { asset_code: asset, account: 'revenue', debit: '0', credit: '150' },
      { asset_code: asset, account: 'breakage', debit: '0', credit: '0' },
      { asset_code: asset, account: 'players', debit: '0', credit: '400' },
    ]);
  });

  it('lists an asset in which nothing has moved, with zeros', async () => {
    const asset = await newAsset(db);

    expect(await trialBalance(asset)).toHaveLength(4);
    expect((await trialBalance(asset)).every(({ debit, credit }) => debit === '0' && credit === '0')).toBe(true);
  });

  it('lists all assets where none is named, and none where it is unknown', async () => {
    const [one, two] = [await newAsset(db), await newAsset(db)];

    const assets = (await trialBalance()).map((row) => row.asset_code);

    expect(assets).toEqual(expect.arrayContaining([one, two]));
    expect(await trialBalance(null)).toEqual(await trialBalance());
    expect(await trialBalance('no-such-asset')).toEqual([]);
  });

  it('has equal sums of debits and credits while others post', async () => {
    const asset = await newAsset(db);
    const pool = db.jobPool(8);
    const wallets = await Promise.all([1, 2, 3, 4].map(() => newWallet(db, asset, { bought: 1000 })));
    let posting = true;
    const clients = wallets.map(async (wallet_id, index) => {
      for (let turn = 0; turn < 40; turn += 1) {
        await call(pool, 'wallet_spend', { wallet_id, amount: turn + 1, idem_key: newKey() });
        await call(pool, 'wallet_transfer', {
          from_wallet: wallet_id,
          to_wallet: wallets[(index + 1) % 4],
          amount: 1,
          idem_key: newKey(),
        });
      }
    });
    const finished = Promise.all(clients).finally(() => {
      posting = false;
    });

    const differences: bigint[] = [];
    while (posting as boolean) {
      const rows = await trialBalance(asset);
      differences.push(rows.reduce((sum, { debit, credit }) => sum + BigInt(debit) - BigInt(credit), 0n));
    }
    await finished;

    expect(differences.length).toBeGreaterThan(1);
    expect(new Set(differences)).toEqual(new Set([0n]));
  });
});
