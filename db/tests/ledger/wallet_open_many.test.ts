import {
  BAD_KEYS,
  callAll,
  createDatabase,
  expectSound,
  newAsset,
  newOwner,
  newWallet,
  refusal,
  type Session,
  setStatus,
  someAsset,
} from '../helpers.ts';

interface Wallet {
  id: string;
  owner_id: string;
  asset_code: string;
  status: string;
}

const db = createDatabase();
const openMany = (owner_ids: unknown, asset_code: string | null, session: Session = db) =>
  callAll<Wallet>(session, 'wallet_open_many', { owner_ids, asset_code });
const owners = (count: number): string[] => Array.from({ length: count }, newOwner);

describe('wallet_open_many', () => {
  it('opens a wallet for each owner, with an event each, and returns them in order', async () => {
    const asset = await newAsset(db);
    const ids = owners(50);
    const job = await db.connectJob();

    const wallets = await openMany(ids, asset, job);

    expect(wallets.map(({ owner_id }) => owner_id)).toEqual(ids);
    const { rows } = await db.query(
      `select w.id, e.kind, e.actor from ledger.wallets w join ledger.wallet_events e on e.wallet_id = w.id
       where w.asset_code = $1 order by w.id`,
      [asset],
    );
    expect(rows).toEqual(
      wallets
        .map(({ id }) => ({ id, kind: 'opened', actor: 'db:wallet_test_job' }))
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
    await expectSound(db);
  });

  it('returns existing wallets, and a repeated owner twice', async () => {
    const asset = await someAsset(db);
    const [first = '', second = ''] = owners(2);
    const frozen = await newWallet(db, asset, { owner: first, bought: 5 });
    await setStatus(db, frozen, 'frozen');

    const wallets = await openMany([second, first, second], asset);

    expect(wallets.map(({ owner_id, status }) => [owner_id, status])).toEqual([
      [second, 'open'],
      [first, 'frozen'],
      [second, 'open'],
    ]);
    expect(wallets[1]?.id).toBe(frozen);
    await expectSound(db);
  });

  it('opens none for no owners', async () => {
    expect(await openMany([], await someAsset(db))).toEqual([]);
  });

  it('opens the same wallets for concurrent calls in any order, without deadlocks', async () => {
    const asset = await newAsset(db);
    const ids = owners(200);
    const sessions = await Promise.all(Array.from({ length: 6 }, () => db.connectAs('service', 'shop')));

    const opened = await Promise.all(
      sessions.map((session, index) => openMany(index % 2 === 0 ? ids : ids.toReversed(), asset, session)),
    );

    const sorted = (wallets: Wallet[]) => wallets.map(({ id }) => id).sort();
    for (const wallets of opened) expect(sorted(wallets)).toEqual(sorted(opened[0] ?? []));
    const { rows } = await db.query<{ events: number }>(
      `select count(*)::int as events from ledger.wallet_events e join ledger.wallets w on w.id = e.wallet_id
       where w.asset_code = $1`,
      [asset],
    );
    expect(rows).toEqual([{ events: ids.length }]);
  });

  const refusals: { code: string; what: string; owner_ids: unknown; asset?: string | null; detail: object }[] = [
    { code: 'WLARG', what: 'no list', owner_ids: null, asset: null, detail: { argument: 'owner_ids' } },
    {
      code: 'WLARG',
      what: '10001 owners',
      owner_ids: Array.from({ length: 10_001 }, (_, index) => `p${index}`),
      asset: null,
      detail: { argument: 'owner_ids', length: 10_001, max: 10_000 },
    },
    ...BAD_KEYS.map((bad) => ({
      code: 'WLARG',
      what: `the owner ${JSON.stringify(bad).slice(0, 20)} of an unknown asset`,
      owner_ids: ['good', bad, ''],
      asset: 'no-such-asset',
      detail: { argument: 'owner_id', index: 1 },
    })),
    { code: 'WLARG', what: 'no asset', owner_ids: ['p'], asset: null, detail: { argument: 'asset_code' } },
    {
      code: 'WLNOA',
      what: 'an unknown asset',
      owner_ids: ['p'],
      asset: 'no-such-asset',
      detail: { asset_code: 'no-such-asset' },
    },
  ];
  it.each(refusals)('refuses $what ($code)', async ({ code, owner_ids, asset, detail }) => {
    expect(await refusal(openMany(owner_ids, asset ?? null))).toMatchObject({ code, detail });
  });

  it('refuses a closed wallet with its index, and opens none of the others (WLCLS)', async () => {
    const asset = await someAsset(db);
    const [before = '', closed = '', after = ''] = owners(3);
    const id = await newWallet(db, asset, { owner: closed });
    await setStatus(db, id, 'closed');

    const refused = await refusal(openMany([before, closed, after], asset));

    expect(refused).toMatchObject({ code: 'WLCLS', detail: { wallet_id: id, index: 1 } });
    const { rowCount } = await db.query('select from ledger.wallets where owner_id = any ($1)', [[before, after]]);
    expect(rowCount).toBe(0);
  });
});
