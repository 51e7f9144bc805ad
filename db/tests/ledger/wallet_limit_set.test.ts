import {
  call,
  callAll,
  createDatabase,
  expectSound,
  MAX_BALANCE,
  newAsset,
  newKey,
  newWallet,
  type Outcome,
  postBatch,
  postEach,
  refusal,
  rulesOf,
  tamperedWith,
  UNKNOWN_WALLET,
  waitsForLock,
} from '../helpers.ts';

const NAMES = [
  'max_spend',
  'max_balance',
  'max_daily_top_up',
  'max_daily_bonus',
  'max_daily_spend',
  'max_transfer',
  'max_daily_transfer',
] as const;
type Name = (typeof NAMES)[number];
type Limits = Partial<Record<Name, number | string | null>>;
const NONE = Object.fromEntries(NAMES.map((name) => [name, null]));

const db = createDatabase();
const set = (wallet_id: string | null, limits: Limits = {}, session = db.pool) =>
  call<{ seq: number }>(session, 'wallet_limit_set', { wallet_id, ...limits });
const setOfAsset = (asset_code: string, limits: Limits) =>
  call<object>(db, 'asset_limit_set', { asset_code, ...limits });

const settingsOf = async (wallet: string) =>
  (
    await db.query<Record<string, unknown>>(
      `select l.*, e.kind, e.actor, e.reason from ledger.wallet_limits l
       join ledger.wallet_events e using (wallet_id, seq) where wallet_id = $1 order by seq`,
      [wallet],
    )
  ).rows;

const book = (name: string, args: Record<string, unknown>) => call(db, name, { idem_key: newKey(), ...args });
const topUp = (wallet_id: string, amount: number) => book('wallet_top_up', { wallet_id, amount });
const bonus = (wallet_id: string, amount: number) => book('wallet_bonus', { wallet_id, amount });
const spend = (wallet_id: string, amount: number) => book('wallet_spend', { wallet_id, amount });
const send = (from_wallet: string, to_wallet: string, amount: number) =>
  book('wallet_transfer', { from_wallet, to_wallet, amount });
const capture = async (wallet_id: string, amount: number) =>
  book('wallet_capture', { wallet_id, hold_id: (await book('wallet_hold', { wallet_id, amount })).hold_id });

const limitOf = (wallet_id: string, limit: Name, max: number, left: number) => ({
  code: 'WLLIM',
  message: `limit exceeded: ${limit} is ${max}, ${left} left`,
  detail: { wallet_id, limit, max: String(max), left: String(left) },
});

/** Two wallets of a new asset. */
async function pair(bought = 100): Promise<[wallet: string, friend: string, asset: string]> {
  const asset = await newAsset(db);
  return [await newWallet(db, asset, { bought }), await newWallet(db, asset, { bought }), asset];
}

describe('wallet_limit_set', () => {
  it('sets all limits of a wallet at once; its event has actor and time', async () => {
    const [wallet] = await pair();
    const operator = await db.connectAs('operator', 'eve');
    const limits = Object.fromEntries(NAMES.map((name, index) => [name, String(index + 1)]));

    expect(await call<object>(operator, 'wallet_limit_set', { wallet_id: wallet, ...limits })).toEqual({
      wallet_id: wallet,
      seq: 2,
      ...limits,
    });
    expect(await settingsOf(wallet)).toMatchObject([{ kind: 'limited', actor: 'operator:eve', reason: null }]);
    await expectSound(db);
  });

  it('keeps each setting, oldest first; an omitted limit is none', async () => {
    const [wallet] = await pair();
    await set(wallet, { max_spend: 10, max_balance: 100 });
    await call<object>(db, 'wallet_freeze', { wallet_id: wallet, reason: 'why' });
    await set(wallet, { max_spend: 20 });
    await set(wallet);

    expect(await settingsOf(wallet)).toMatchObject([
      { ...NONE, seq: 2, max_spend: '10', max_balance: '100' },
      { ...NONE, seq: 4, max_spend: '20' },
      { ...NONE, seq: 5 },
    ]);
    expect(await call<object>(db, 'wallet_reopen', { wallet_id: wallet, reason: 'why' })).toMatchObject({
      status: 'open',
    });
    await expectSound(db);
  });

  it('adds nothing if it repeats the current limits, and returns that setting', async () => {
    const [wallet] = await pair();
    const first = await set(wallet, { max_spend: 10, max_daily_bonus: 0 });

    expect(await set(wallet, { max_daily_bonus: 0, max_spend: '10' })).toEqual(first);
    expect(await settingsOf(wallet)).toHaveLength(1);
  });

  it.each(NAMES.flatMap((name) => ['0', '1', MAX_BALANCE].map((value) => ({ name, value }))))(
    'accepts $value as $name',
    async ({ name, value }) => {
      const [wallet] = await pair();

      expect(await set(wallet, { [name]: value })).toMatchObject({ ...NONE, [name]: value });
    },
  );

  it.each([
    { what: 'no wallet', args: { wallet_id: null, max_spend: -1 }, argument: 'wallet_id' },
    ...NAMES.flatMap((name) =>
      ['-1', '9000000000000000001', '9223372036854775807'].map((value) => ({
        what: `${name} ${value} of an unknown wallet`,
        args: { wallet_id: UNKNOWN_WALLET, [name]: value },
        argument: name,
      })),
    ),
  ])('refuses $what (WLARG)', async ({ args, argument }) => {
    const refused = await refusal(call(db, 'wallet_limit_set', args));

    expect(refused).toMatchObject({ code: 'WLARG', detail: { argument } });
    expect(refused.hint).not.toBe('');
  });

  it('refuses an unknown wallet (WLNOW)', async () => {
    expect(await refusal(set(UNKNOWN_WALLET, { max_spend: 1 }))).toMatchObject({ code: 'WLNOW' });
  });

  it('waits for a concurrent setting; a posting waits for it, and then applies it', async () => {
    const [wallet] = await pair();
    const [one, two, job] = [
      await db.connectAs('operator', 'one'),
      await db.connectAs('operator', 'two'),
      await db.connectJob(),
    ];
    await one.query('begin');
    await call<object>(one, 'wallet_limit_set', { wallet_id: wallet, max_spend: 1 });

    const second = call<object>(two, 'wallet_limit_set', { wallet_id: wallet, max_spend: 2 });
    await waitsForLock(db, two);
    const spent = refusal(call(job, 'wallet_spend', { wallet_id: wallet, amount: 3, idem_key: newKey() }));
    await waitsForLock(db, job);
    await one.query('commit');

    expect(await second).toMatchObject({ seq: 3, max_spend: '2' });
    expect(await spent).toMatchObject({ code: 'WLLIM', detail: { limit: 'max_spend' } });
    expect(await settingsOf(wallet)).toMatchObject([{ actor: 'operator:one' }, { actor: 'operator:two' }]);
  });

  it.each(['repeatable read', 'serializable'].flatMap((level) => [1, 2].map((max_spend) => ({ level, max_spend }))))(
    'fails at $level if others have been set since (40001): $max_spend after 1 and 3',
    async ({ level, max_spend }) => {
      const [wallet] = await pair();
      await set(wallet, { max_spend: 1 });
      const [operator, job] = [await db.connectAs('operator', 'eve'), await db.connectJob()];
      for (const session of [operator, job]) {
        await session.query(`begin isolation level ${level}`);
        await session.query('select from ledger.wallets limit 1');
      }
      await set(wallet, { max_spend: 3 });

      const late = call<object>(operator, 'wallet_limit_set', { wallet_id: wallet, max_spend });
      expect(await refusal(late)).toMatchObject({ code: '40001' });
      const posted = call(job, 'wallet_spend', { wallet_id: wallet, amount: 2, idem_key: newKey() });
      expect(await refusal(posted)).toMatchObject({ code: '40001' });
      for (const session of [operator, job]) await session.query('rollback');
      expect(await settingsOf(wallet)).toHaveLength(2);
    },
  );

  it('is for operators only (42501)', async () => {
    const [wallet] = await pair();
    for (const session of [await db.connectAs('service', 'shop'), await db.connectJob()])
      expect(await refusal(call<object>(session, 'wallet_limit_set', { wallet_id: wallet }))).toMatchObject({
        code: '42501',
      });
  });
});

describe("a wallet's own limit", () => {
  const CASES: { name: Name; act: (wallet: string, friend: string, amount: number) => Promise<unknown> }[] = [
    { name: 'max_spend', act: (wallet, _, amount) => spend(wallet, amount) },
    { name: 'max_spend', act: (wallet, _, amount) => capture(wallet, amount) },
    { name: 'max_daily_top_up', act: (wallet, _, amount) => topUp(wallet, amount) },
    { name: 'max_daily_bonus', act: (wallet, _, amount) => bonus(wallet, amount) },
    { name: 'max_daily_spend', act: (wallet, _, amount) => spend(wallet, amount) },
    { name: 'max_daily_spend', act: (wallet, _, amount) => capture(wallet, amount) },
    { name: 'max_transfer', act: (wallet, friend, amount) => send(wallet, friend, amount) },
    { name: 'max_daily_transfer', act: (wallet, friend, amount) => send(wallet, friend, amount) },
  ];
  /** The top-up of the spent credits counts for the day's total. */
  const before = ({ name }: { name: Name }) => (name === 'max_daily_top_up' ? 100 : 0);

  it.each(CASES)('$name applies if its asset has none', async ({ name, act }) => {
    const [wallet, friend] = await pair();
    await set(wallet, { [name]: 10 + before({ name }) });

    expect(await refusal(act(wallet, friend, 11))).toMatchObject(limitOf(wallet, name, 10 + before({ name }), 10));
    await act(wallet, friend, 10);
    await act(friend, wallet, 11);
  });

  it.each(CASES)('$name overrides that of its asset, whether it is lower or higher', async ({ name, act }) => {
    const [wallet, friend, asset] = await pair();
    const base = before({ name });
    await setOfAsset(asset, { [name]: base + 5 });
    await set(wallet, { [name]: base + 3 });
    expect(await refusal(act(wallet, friend, 4))).toMatchObject(limitOf(wallet, name, base + 3, 3));
    await set(wallet, { [name]: base + 10 });
    expect(await refusal(act(wallet, friend, 11))).toMatchObject(limitOf(wallet, name, base + 10, 10));
    await act(wallet, friend, 10);
    expect(await refusal(act(friend, wallet, 6))).toMatchObject(limitOf(friend, name, base + 5, 5));
  });

  it.each(CASES)(
    '$name falls back to that of its asset if it is null, and cancels it if it is the maximum',
    async ({ name, act }) => {
      const [wallet, friend, asset] = await pair();
      const base = before({ name });
      await setOfAsset(asset, { [name]: base + 5 });
      await set(wallet, { [name === 'max_spend' ? 'max_balance' : 'max_spend']: 1000 });
      expect(await refusal(act(wallet, friend, 6))).toMatchObject(limitOf(wallet, name, base + 5, 5));
      await set(wallet, { [name]: MAX_BALANCE });
      await act(wallet, friend, 6);
      await set(wallet);
      expect(await refusal(act(wallet, friend, 6))).toMatchObject({ code: 'WLLIM', detail: { limit: name } });
    },
  );

  it('max_balance applies to the receiver, too, and not to the sender', async () => {
    const [wallet, friend, asset] = await pair();
    await set(wallet, { max_balance: 105 });
    expect(await refusal(send(friend, wallet, 6))).toMatchObject(limitOf(wallet, 'max_balance', 105, 5));
    expect(await refusal(topUp(wallet, 6))).toMatchObject(limitOf(wallet, 'max_balance', 105, 5));
    expect(await refusal(bonus(wallet, 6))).toMatchObject(limitOf(wallet, 'max_balance', 105, 5));
    await setOfAsset(asset, { max_balance: 1 });
    await send(friend, wallet, 5);
    await set(wallet, { max_balance: null, max_transfer: 1000 });
    expect(await refusal(send(friend, wallet, 1))).toMatchObject(limitOf(wallet, 'max_balance', 1, 0));
  });

  it('of transfers does not apply to the receiver', async () => {
    const [wallet, friend] = await pair();
    await set(wallet, { max_transfer: 0, max_daily_transfer: 0 });

    expect(await send(friend, wallet, 50)).toMatchObject({ balance: '50' });
  });

  it('does not apply to refunds', async () => {
    const [wallet, friend] = await pair();
    const [spent, sent] = [await spend(wallet, 10), await send(wallet, friend, 10)];
    await set(wallet, Object.fromEntries(NAMES.map((name) => [name, 0])));

    for (const { transfer_id } of [spent, sent]) await book('wallet_reverse', { wallet_id: wallet, transfer_id });
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '100' });
  });

  it('is checked after the key: an earlier booking is replayed', async () => {
    const [wallet_id] = await pair();
    const request = { wallet_id, amount: 10, idem_key: newKey() };
    const receipt = await call(db, 'wallet_spend', request);
    await set(wallet_id, { max_spend: 1 });

    expect(await call(db, 'wallet_spend', request)).toEqual({ ...receipt, replayed: true });
    expect(await refusal(call(db, 'wallet_spend', { ...request, amount: 11 }))).toMatchObject({ code: 'WLKEY' });
  });

  it('applies in a batch and among independent calls, to its wallet only', async () => {
    const [wallet, friend] = await pair();
    await set(wallet, { max_daily_spend: 15, max_balance: 110 });
    const item = (kind: string, wallet_id: string, amount: number, counterparty_id: string | null = null) => ({
      ...{ kind, wallet_id, amount, counterparty_id, idem_key: newKey() },
    });

    expect(
      await refusal(postBatch(db, [item('spend', friend, 50), item('spend', wallet, 10), item('spend', wallet, 6)])),
    ).toMatchObject({ code: 'WLLIM', detail: { ...limitOf(wallet, 'max_daily_spend', 15, 5).detail, index: 2 } });
    const outcomes: Outcome[] = await postEach(db, [
      item('spend', wallet, 10),
      item('spend', wallet, 6),
      item('spend', friend, 50),
      item('transfer', friend, 21, wallet),
      item('transfer', friend, 20, wallet),
      item('spend', wallet, 5),
    ]);
    expect(outcomes.map(({ refusal: refused }) => refused?.detail.limit ?? 'booked')).toEqual([
      ...['booked', 'max_daily_spend', 'booked', 'max_balance', 'booked', 'booked'],
    ]);
    await expectSound(db);
  });

  it('applies to concurrent calls: 20 transfers of 10 with a limit of 100 are 10 receipts', async () => {
    const [wallet, friend] = await pair(1000);
    await set(wallet, { max_daily_transfer: 100 });
    const pool = db.jobPool(10);

    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        call(pool, 'wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 10, idem_key: newKey() }).then(
          () => 'receipt',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    );

    expect(outcomes.sort()).toEqual([...Array<string>(10).fill('WLLIM'), ...Array<string>(10).fill('receipt')]);
  });
});

describe('ledger_verify', () => {
  it.each([
    [
      'another amount',
      (wallet: string) => `update ledger.wallet_limits set max_spend = 11 where wallet_id = '${wallet}'`,
    ],
    ['none', (wallet: string) => `delete from ledger.wallet_limits where wallet_id = '${wallet}'`],
    ['no event', (wallet: string) => `update ledger.wallet_limits set seq = 9 where wallet_id = '${wallet}'`],
    [
      'limits that do not count',
      (wallet: string) => `update ledger.wallets set own_limits = null where id = '${wallet}'`,
    ],
    ['limits of another time', (wallet: string) => `update ledger.wallets set own_limits = 1 where id = '${wallet}'`],
  ])('finds a wallet with %s, also with all hashes computed anew', async (_what, sql) => {
    const [wallet] = await pair();
    await set(wallet, { max_spend: 10 });

    const rules = await tamperedWith(db, sql(wallet), async (look, rehash) => {
      await rehash();
      return rulesOf(await look(wallet));
    });

    expect(rules).toEqual(['wallet_limits']);
    expect(await callAll(db, 'ledger_verify', { wallet_id: wallet })).toEqual([]);
  });
});
