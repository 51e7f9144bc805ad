import {
  BAD_KEYS,
  call,
  createDatabase,
  expectSound,
  newAsset,
  newOwner,
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
  created_at: string;
}

const db = createDatabase();
const open = (owner_id: string | null, asset_code: string | null, session: Session = db) =>
  call<Wallet>(session, 'wallet_open', { owner_id, asset_code });
const eventsOf = async (id: string) =>
  (await db.query('select kind, actor, reason from ledger.wallet_events where wallet_id = $1 order by seq', [id])).rows;

describe('wallet_open', () => {
  it('opens the wallet whose id is derived from owner and asset', async () => {
    const [owner, asset] = [newOwner(), await someAsset(db)];

    const wallet = await open(owner, asset);

    const {
      rows: [derived],
    } = await db.query<{ id: string }>('select ledger.wallet_id($1, $2) as id', [owner, asset]);
    expect(wallet).toEqual({
      id: derived?.id,
      owner_id: owner,
      asset_code: asset,
      status: 'open',
      created_at: expect.any(String) as string,
      merged_into: null,
      own_limits: null,
    });
    await expectSound(db);
  });

  it('adds an event with its actor', async () => {
    const service = await db.connectAs('service', 'shop');

    const { id } = await open(newOwner(), await someAsset(db), service);

    expect(await eventsOf(id)).toEqual([{ kind: 'opened', actor: 'service:shop', reason: null }]);
  });

  it('returns the same wallet if it is repeated', async () => {
    const [owner, asset] = [newOwner(), await someAsset(db)];
    const first = await open(owner, asset);

    expect(await open(owner, asset)).toEqual(first);
    expect(await eventsOf(first.id)).toHaveLength(1);
  });

  it('can be called by a trusted job, whose login the event has', async () => {
    const job = await db.connectJob();

    const { id } = await open(newOwner(), await someAsset(db), job);

    expect(await eventsOf(id)).toEqual([{ kind: 'opened', actor: 'db:wallet_test_job', reason: null }]);
  });

  it.each(['a b', 'a\u00a0b', '\u200b', '\ufeffp', 'p\u0001', "'; --", '\u{1f600}'])(
    'accepts the owner %j unchanged',
    async (owner) => {
      expect(await open(owner, await newAsset(db))).toMatchObject({ owner_id: owner });
    },
  );

  it('returns a frozen wallet', async () => {
    const [owner, asset] = [newOwner(), await someAsset(db)];
    const { id } = await open(owner, asset);
    await setStatus(db, id, 'frozen');

    expect(await open(owner, asset)).toMatchObject({ id, status: 'frozen' });
  });

  it('opens one wallet with one event for concurrent calls', async () => {
    const [owner, asset] = [newOwner(), await someAsset(db)];
    const sessions = await Promise.all(Array.from({ length: 8 }, () => db.connectAs('service', 'shop')));

    const wallets = await Promise.all(sessions.map((session) => open(owner, asset, session)));

    expect(wallets).toEqual(Array(8).fill(wallets[0]));
    expect(await eventsOf(wallets[0]?.id ?? '')).toHaveLength(1);
  });

  it('opens separate wallets of one owner for two assets', async () => {
    const owner = newOwner();

    const [one, two] = [await open(owner, await newAsset(db)), await open(owner, await newAsset(db))];

    expect(one.id).not.toBe(two.id);
  });

  it.each(['x', 'x'.repeat(200), 'ü'.repeat(200), "O'Brien; drop table"])('accepts the owner %s', async (owner) => {
    expect(await open(owner, await someAsset(db))).toMatchObject({ owner_id: owner });
  });

  const refusals: { code: string; what: string; owner: string | null; asset: string | null; detail: object }[] = [
    {
      code: 'WLARG',
      what: 'no owner of an unknown asset',
      owner: null,
      asset: 'no-such-asset',
      detail: { argument: 'owner_id' },
    },
    {
      code: 'WLARG',
      what: 'an empty owner of an unknown asset',
      owner: '',
      asset: 'no-such-asset',
      detail: { argument: 'owner_id' },
    },
    {
      code: 'WLARG',
      what: 'an owner of 201 characters',
      owner: 'x'.repeat(201),
      asset: 'no-such-asset',
      detail: { argument: 'owner_id' },
    },
    ...BAD_KEYS.filter((key) => key !== null && key.length <= 200 && key !== '').map((owner) => ({
      code: 'WLARG',
      what: `the owner ${JSON.stringify(owner)} of an unknown asset`,
      owner,
      asset: 'no-such-asset',
      detail: { argument: 'owner_id' },
    })),
    { code: 'WLARG', what: 'no asset', owner: 'p', asset: null, detail: { argument: 'asset_code' } },
    {
      code: 'WLNOA',
      what: 'an unknown asset',
      owner: 'p',
      asset: 'no-such-asset',
      detail: { asset_code: 'no-such-asset' },
    },
    { code: 'WLNOA', what: 'an empty asset', owner: 'p', asset: '', detail: { asset_code: '' } },
  ];
  it.each(refusals)('refuses $what ($code)', async ({ code, owner, asset, detail }) => {
    const refused = await refusal(open(owner, asset));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
  });

  it('refuses a closed wallet (WLCLS)', async () => {
    const [owner, asset] = [newOwner(), await someAsset(db)];
    const { id } = await open(owner, asset);
    await setStatus(db, id, 'closed');

    expect(await refusal(open(owner, asset))).toMatchObject({ code: 'WLCLS', detail: { wallet_id: id } });
    await expectSound(db);
  });
});
