import { ageTo } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  MAX_BALANCE,
  newAsset,
  newKey,
  newWallet,
  postBatch,
  refusal,
  rowsOf,
  someAsset,
  waitsForLock,
} from '../helpers.ts';

interface Limits {
  asset_code: string;
  seq: number;
  max_spend: string | null;
  max_balance: string | null;
  max_daily_top_up: string | null;
  max_daily_bonus: string | null;
  max_daily_spend: string | null;
  max_transfer: string | null;
  max_daily_transfer: string | null;
  unique_reference: string | null;
  collect_debts: boolean;
  actor: string;
  created_at: string;
}

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
const NONE = Object.fromEntries(NAMES.map((name) => [name, null]));

const db = createDatabase();
const set = (
  asset_code: string | null,
  limits: Partial<Record<Name, number | string | null>> = {},
  session = db.pool,
) => call<Limits>(session, 'asset_limit_set', { asset_code, ...limits });

async function limited(limits: Partial<Record<Name, number | string | null>>): Promise<string> {
  const asset = await newAsset(db);
  await set(asset, limits);
  return asset;
}

const settingsOf = async (asset: string) =>
  (await db.query<Limits>('select * from ledger.asset_limits where asset_code = $1 order by seq', [asset])).rows;

const assetOf = async (wallet: string): Promise<string> =>
  (await db.query<{ asset_code: string }>('select asset_code from ledger.wallets where id = $1', [wallet])).rows[0]
    ?.asset_code ?? '';

const book = (name: string, args: Record<string, unknown>) => call(db, name, { idem_key: newKey(), ...args });
const topUp = (wallet_id: string, amount: number) => book('wallet_top_up', { wallet_id, amount });
const bonus = (wallet_id: string, amount: number) => book('wallet_bonus', { wallet_id, amount });
const spend = (wallet_id: string, amount: number) => book('wallet_spend', { wallet_id, amount });
const send = (from_wallet: string, to_wallet: string, amount: number) =>
  book('wallet_transfer', { from_wallet, to_wallet, amount });
const hold = async (wallet_id: string, amount: number) =>
  (await book('wallet_hold', { wallet_id, amount })).hold_id ?? '';
const capture = (wallet_id: string, hold_id: string, amount?: number) =>
  book('wallet_capture', { wallet_id, hold_id, amount });
const batch = (...items: [kind: string, wallet_id: string, amount: number, counterparty_id?: string][]) =>
  postBatch(
    db,
    items.map(([kind, wallet_id, amount, counterparty_id]) => ({
      kind,
      wallet_id,
      amount,
      counterparty_id: counterparty_id ?? null,
      idem_key: newKey(),
    })),
  );

/** Changes the times of some of a wallet's entries without triggers; the ledger is sound again once they are reset. */
async function setTimes(wallet: string, times: { seq: number; created_at: string }[]): Promise<void> {
  const client = await db.connect();
  await client.query('begin');
  await client.query('set local session_replication_role = replica');
  await client.query(
    `update ledger.entries e set created_at = t.created_at
     from jsonb_to_recordset($2) as t (seq bigint, created_at timestamptz) where e.wallet_id = $1 and e.seq = t.seq`,
    [wallet, JSON.stringify(times)],
  );
  await client.query('commit');
  await client.end();
}

const limitOf = (wallet_id: string, limit: Name, max: number | string, left: number | string) => ({
  code: 'WLLIM',
  message: `limit exceeded: ${limit} is ${max}, ${left} left`,
  detail: { wallet_id, limit, max: String(max), left: String(left) },
});

describe('asset_limit_set', () => {
  it('sets all limits of an asset at once, with actor and time', async () => {
    const asset = await newAsset(db);
    const operator = await db.connectAs('operator', 'eve');
    const limits = {
      ...{ max_spend: 1, max_balance: 2, max_daily_top_up: 3, max_daily_bonus: 4, max_daily_spend: 5 },
      ...{ max_transfer: 6, max_daily_transfer: 7 },
    };

    expect(await call<Limits>(operator, 'asset_limit_set', { asset_code: asset, ...limits })).toEqual({
      asset_code: asset,
      seq: 1,
      max_spend: '1',
      max_balance: '2',
      max_daily_top_up: '3',
      max_daily_bonus: '4',
      max_daily_spend: '5',
      max_transfer: '6',
      max_daily_transfer: '7',
      unique_reference: null,
      collect_debts: false,
      actor: 'operator:eve',
      created_at: expect.any(String) as string,
      hash: expect.any(Buffer) as Buffer,
    });
  });

  it('keeps each setting, oldest first, with its actor; an omitted limit is none', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await db.connectAs('operator', 'one'), await db.connectAs('operator', 'two')];
    await call<Limits>(one, 'asset_limit_set', { asset_code: asset, max_spend: 10, max_balance: 100 });
    await call<Limits>(two, 'asset_limit_set', { asset_code: asset, max_spend: 20 });
    await call<Limits>(one, 'asset_limit_set', { asset_code: asset });

    expect(await settingsOf(asset)).toMatchObject([
      { ...NONE, seq: 1, max_spend: '10', max_balance: '100', actor: 'operator:one' },
      { ...NONE, seq: 2, max_spend: '20', actor: 'operator:two' },
      { ...NONE, seq: 3, actor: 'operator:one' },
    ]);
  });

  it('adds nothing if it repeats the current limits, and returns that setting', async () => {
    const asset = await newAsset(db);
    const first = await set(asset, { max_spend: 10, max_daily_bonus: 0 });

    expect(await set(asset, { max_daily_bonus: 0, max_spend: '10' })).toEqual(first);
    expect(await settingsOf(asset)).toHaveLength(1);
  });

  it('keeps a first setting without limits, which records a decision', async () => {
    const asset = await newAsset(db);

    await set(asset);

    expect(await settingsOf(asset)).toMatchObject([{ ...NONE, seq: 1 }]);
  });

  it('adds a setting that was current before, but no longer is', async () => {
    const asset = await newAsset(db);
    for (const max_spend of [10, 20, 10]) await set(asset, { max_spend });

    expect(await settingsOf(asset)).toMatchObject([
      { max_spend: '10' },
      { max_spend: '20' },
      { seq: 3, max_spend: '10' },
    ]);
  });

  it.each(NAMES.flatMap((name) => ['0', '1', MAX_BALANCE].map((value) => ({ name, value }))))(
    'accepts $value as $name',
    async ({ name, value }) => {
      const asset = await someAsset(db);

      expect(await set(asset, { [name]: value })).toMatchObject({ ...NONE, [name]: value });
    },
  );

  it.each([
    { what: 'no asset', args: { asset_code: null, max_spend: -1 }, argument: 'asset_code' },
    ...NAMES.flatMap((name) =>
      ['-1', '9000000000000000001', '9223372036854775807'].map((value) => ({
        what: `${name} ${value} of an unknown asset`,
        args: { asset_code: 'no-such-asset', [name]: value },
        argument: name,
      })),
    ),
  ])('refuses $what (WLARG)', async ({ args, argument }) => {
    const refused = await refusal(call(db, 'asset_limit_set', args));

    expect(refused).toMatchObject({ code: 'WLARG', detail: { argument } });
    expect(refused.hint).not.toBe('');
  });

  it.each(['no-such-asset', ''])('refuses the unknown asset "%s" (WLNOA)', async (asset_code) => {
    expect(await refusal(set(asset_code, { max_spend: 1 }))).toMatchObject({ code: 'WLNOA', detail: { asset_code } });
  });

  it('waits for a concurrent setting, so that each adds its own row', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await db.connectAs('operator', 'one'), await db.connectAs('operator', 'two')];
    await one.query('begin');
    await call<Limits>(one, 'asset_limit_set', { asset_code: asset, max_spend: 1 });

    const second = call<Limits>(two, 'asset_limit_set', { asset_code: asset, max_spend: 2 });
    await waitsForLock(db, two);
    await one.query('commit');

    expect(await second).toMatchObject({ seq: 2, max_spend: '2' });
    expect(await settingsOf(asset)).toMatchObject([{ actor: 'operator:one' }, { actor: 'operator:two' }]);
  });

  it('adds one row for concurrent equal settings', async () => {
    const asset = await newAsset(db);
    const operators = await Promise.all(['a', 'b', 'c', 'd'].map((name) => db.connectAs('operator', name)));

    const answers = await Promise.all(
      operators.map((operator) => call<Limits>(operator, 'asset_limit_set', { asset_code: asset, max_spend: 2 })),
    );

    expect(answers).toEqual(Array(4).fill(answers[0]));
    expect(await settingsOf(asset)).toHaveLength(1);
  });

  it.each(['repeatable read', 'serializable'].flatMap((level) => [1, 2].map((max_spend) => ({ level, max_spend }))))(
    'fails at $level if others have been set since (40001): $max_spend after 1 and 3',
    async ({ level, max_spend }) => {
      const asset = await limited({ max_spend: 1 });
      const operator = await db.connectAs('operator', 'eve');
      await operator.query(`begin isolation level ${level}`);
      await operator.query('select from ledger.assets limit 1');
      await set(asset, { max_spend: 3 });

      expect(await refusal(call<Limits>(operator, 'asset_limit_set', { asset_code: asset, max_spend }))).toMatchObject({
        code: '40001',
      });
      await operator.query('rollback');
      expect(await settingsOf(asset)).toHaveLength(2);
    },
  );

  it.each(['repeatable read', 'serializable'])('adds nothing at %s either if nothing changes', async (level) => {
    const asset = await limited({ max_spend: 1 });
    const operator = await db.connectAs('operator', 'eve');
    await operator.query(`begin isolation level ${level}`);

    expect(await call<Limits>(operator, 'asset_limit_set', { asset_code: asset, max_spend: 1 })).toMatchObject({
      seq: 1,
    });
    expect(await call<Limits>(operator, 'asset_limit_set', { asset_code: asset, max_spend: 2 })).toMatchObject({
      seq: 2,
    });
    await operator.query('commit');
    expect(await settingsOf(asset)).toHaveLength(2);
  });
});

describe('max_spend', () => {
  it('is the largest spend', async () => {
    const asset = await limited({ max_spend: 10 });
    const wallet = await newWallet(db, asset, { bought: 100, bonus: 5 });

    expect(await refusal(spend(wallet, 11))).toMatchObject(limitOf(wallet, 'max_spend', 10, 10));
    expect(await spend(wallet, 10)).toMatchObject({ balance: '95' });
    expect(await spend(wallet, 10)).toMatchObject({ balance: '85' });
  });

  it('is the largest capture, whatever the hold reserved', async () => {
    const asset = await limited({ max_spend: 10 });
    const wallet = await newWallet(db, asset, { bought: 100 });
    const hold_id = await hold(wallet, 20);

    expect(await refusal(capture(wallet, hold_id))).toMatchObject(limitOf(wallet, 'max_spend', 10, 10));
    expect(await refusal(capture(wallet, hold_id, 11))).toMatchObject(limitOf(wallet, 'max_spend', 10, 10));
    expect(await capture(wallet, hold_id, 10)).toMatchObject({ balance: '90', held_balance: '0' });
  });

  it('does not limit transfers, holds and chargebacks', async () => {
    const asset = await limited({ max_spend: 10 });
    const [wallet, friend] = [await newWallet(db, asset), await newWallet(db, asset)];
    const { transfer_id } = await topUp(wallet, 100);

    await send(wallet, friend, 11);
    await book('wallet_release', { wallet_id: wallet, hold_id: await hold(wallet, 11) });
    await book('wallet_reverse', { wallet_id: wallet, transfer_id, amount: 50 });

    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '39' });
  });

  it('of 0 prevents all spends', async () => {
    const wallet = await newWallet(db, await limited({ max_spend: 0 }), { bought: 100 });

    expect(await refusal(spend(wallet, 1))).toMatchObject(limitOf(wallet, 'max_spend', 0, 0));
  });
});

describe('max_transfer', () => {
  it('is the largest transfer, for the sender', async () => {
    const asset = await limited({ max_transfer: 10 });
    const [wallet, friend] = [await newWallet(db, asset, { bought: 100, bonus: 5 }), await newWallet(db, asset)];

    expect(await refusal(send(wallet, friend, 11))).toMatchObject(limitOf(wallet, 'max_transfer', 10, 10));
    expect(await send(wallet, friend, 10)).toMatchObject({ balance: '95' });
    expect(await send(wallet, friend, 10)).toMatchObject({ balance: '85' });
  });

  it('does not limit spends, holds, captures and reversed transfers', async () => {
    const asset = await newAsset(db);
    const [wallet, friend] = [await newWallet(db, asset, { bought: 100 }), await newWallet(db, asset)];
    const { transfer_id } = await send(wallet, friend, 20);
    await set(asset, { max_transfer: 10, max_daily_transfer: 0 });

    await spend(wallet, 20);
    await capture(wallet, await hold(wallet, 20));
    await book('wallet_reverse', { wallet_id: wallet, transfer_id });

    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '60' });
  });

  it('of 0 prevents all transfers by the sender', async () => {
    const asset = await limited({ max_transfer: 0 });
    const [wallet, friend] = [await newWallet(db, asset, { bought: 100 }), await newWallet(db, asset)];

    expect(await refusal(send(wallet, friend, 1))).toMatchObject(limitOf(wallet, 'max_transfer', 0, 0));
    expect(await refusal(batch(['transfer', wallet, 1, friend]))).toMatchObject({
      code: 'WLLIM',
      detail: { limit: 'max_transfer', index: 0 },
    });
  });
});

describe('max_balance', () => {
  it.each([
    { what: 'a top-up', credit: (wallet: string, amount: number) => topUp(wallet, amount) },
    { what: 'a bonus', credit: (wallet: string, amount: number) => bonus(wallet, amount) },
    {
      what: 'a transfer that arrives',
      credit: async (wallet: string, amount: number, friend: string) => send(friend, wallet, amount),
    },
    {
      what: 'a top-up in a batch',
      credit: async (wallet: string, amount: number) => batch(['top_up', wallet, amount]),
    },
    {
      what: 'a transfer in a batch',
      credit: async (wallet: string, amount: number, friend: string) => batch(['transfer', friend, amount, wallet]),
    },
  ])('is the largest balance that $what leads to, reserved and bonus credits included', async ({ credit }) => {
    const asset = await limited({ max_balance: 100 });
    const [wallet, friend] = [
      await newWallet(db, asset, { bought: 60, bonus: 30 }),
      await newWallet(db, asset, { bought: 50 }),
    ];
    await hold(wallet, 80);
    const before = await rowsOf(db);

    expect(await refusal(credit(wallet, 11, friend))).toMatchObject(limitOf(wallet, 'max_balance', 100, 10));
    expect(await rowsOf(db)).toEqual(before);
    await credit(wallet, 10, friend);
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '100' });
    expect(await refusal(credit(wallet, 1, friend))).toMatchObject(limitOf(wallet, 'max_balance', 100, 0));
  });

  it('does not limit refunds of spends and transfers', async () => {
    const asset = await limited({ max_balance: 100 });
    const [wallet, friend] = [await newWallet(db, asset, { bought: 100 }), await newWallet(db, asset)];
    const [spent, sent] = [await spend(wallet, 10), await send(wallet, friend, 10)];
    await topUp(wallet, 20);

    await book('wallet_reverse', { wallet_id: wallet, transfer_id: spent.transfer_id });
    expect(await book('wallet_reverse', { wallet_id: wallet, transfer_id: sent.transfer_id })).toMatchObject({
      balance: '120',
    });
  });

  it('lets nothing in if the wallet has more already, and lets credits leave it', async () => {
    const asset = await newAsset(db);
    const [wallet, friend] = [await newWallet(db, asset, { bought: 150 }), await newWallet(db, asset)];
    await set(asset, { max_balance: 100 });

    expect(await refusal(topUp(wallet, 1))).toMatchObject(limitOf(wallet, 'max_balance', 100, 0));
    await spend(wallet, 10);
    await send(wallet, friend, 20);
    await capture(wallet, await hold(wallet, 10));
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '110' });
  });

  it('does not count expired credits', async () => {
    const wallet = await newWallet(db, await limited({ max_balance: 100 }), { bought: 60 });
    const expires_at = await inMs(db, 3_600_000);
    await book('wallet_bonus', { wallet_id: wallet, amount: 40, expires_at });
    await ageTo(db, expires_at);

    expect(await topUp(wallet, 40)).toMatchObject({ balance: '100' });
  });

  it('of 0 lets nothing in', async () => {
    const wallet = await newWallet(db, await limited({ max_balance: 0 }));

    expect(await refusal(bonus(wallet, 1))).toMatchObject(limitOf(wallet, 'max_balance', 0, 0));
  });
});

describe.each([
  { limit: 'max_daily_top_up', add: topUp },
  { limit: 'max_daily_bonus', add: bonus },
  { limit: 'max_daily_spend', add: spend },
  {
    limit: 'max_daily_spend',
    add: async (wallet: string, amount: number) => capture(wallet, await hold(wallet, amount + 5), amount),
  },
  {
    limit: 'max_daily_transfer',
    add: async (wallet: string, amount: number) => send(wallet, await newWallet(db, await assetOf(wallet)), amount),
  },
] as const)('$limit', ({ limit, add }) => {
  /** A wallet whose credits count towards no total: they arrived by a transfer. */
  async function wallet(limits: Partial<Record<Name, number>>): Promise<string> {
    const asset = await newAsset(db);
    const [id, friend] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 1000 })];
    await send(friend, id, 1000);
    await set(asset, limits);
    return id;
  }

  it('is the largest total', async () => {
    const id = await wallet({ [limit]: 100 });
    await add(id, 60);

    expect(await refusal(add(id, 41))).toMatchObject(limitOf(id, limit, 100, 40));
    await add(id, 40);
    expect(await refusal(add(id, 1))).toMatchObject(limitOf(id, limit, 100, 0));
  });

  it('counts earlier bookings, and leaves nothing if these are more', async () => {
    const id = await wallet({});
    await add(id, 60);
    await set(await assetOf(id), { [limit]: 50 });

    expect(await refusal(add(id, 1))).toMatchObject(limitOf(id, limit, 50, 0));
  });

  it('of 0 refuses everything', async () => {
    const id = await wallet({ [limit]: 0 });

    expect(await refusal(add(id, 1))).toMatchObject(limitOf(id, limit, 0, 0));
  });

  it('covers 24 hours to the microsecond', async () => {
    const id = await wallet({ [limit]: 100 });
    await add(id, 70);
    const last = Number((await call(db, 'wallet_balance', { wallet_id: id })).seq);
    await book('wallet_release', { wallet_id: id, hold_id: await hold(id, 1) });
    const { rows: booked } = await db.query<{ seq: number; created_at: string }>(
      'select seq::int, created_at from ledger.entries where wallet_id = $1',
      [id],
    );
    // The wallet's clock runs ahead, so that the time of the next entry is known.
    const now = '2900-01-02 00:00:00+00';
    const daysAgo = (instant: string) =>
      booked.map(({ seq }) => ({
        seq,
        created_at: seq > last ? now : seq === last ? instant : '2900-01-01 00:00:00+00',
      }));

    await setTimes(id, daysAgo('2900-01-01 00:00:00.000001+00'));
    expect(await refusal(add(id, 31))).toMatchObject(limitOf(id, limit, 100, 30));
    await setTimes(id, daysAgo('2900-01-01 00:00:00+00'));
    expect(await refusal(add(id, 101))).toMatchObject(limitOf(id, limit, 100, 100));

    await setTimes(id, booked);
  });

  it('counts each wallet and asset separately', async () => {
    const asset = await limited({ [limit]: 100 });
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    if (limit === 'max_daily_spend' || limit === 'max_daily_transfer')
      for (const id of [one, two]) await topUp(id, 500);
    await add(one, 100);

    expect(await refusal(add(one, 1))).toMatchObject({ code: 'WLLIM' });
    await add(two, 100);
    const other = await wallet({});
    await add(other, 101);
  });
});

describe('daily totals', () => {
  it('sum spends and captures', async () => {
    const wallet = await newWallet(db, await limited({ max_daily_spend: 100 }), { bought: 500 });
    await spend(wallet, 30);
    await capture(wallet, await hold(wallet, 60), 50);

    expect(await refusal(spend(wallet, 21))).toMatchObject(limitOf(wallet, 'max_daily_spend', 100, 20));
    expect(await refusal(capture(wallet, await hold(wallet, 21)))).toMatchObject(
      limitOf(wallet, 'max_daily_spend', 100, 20),
    );
    await spend(wallet, 20);
  });

  it('count only top-ups, bonuses, or spends and captures', async () => {
    const asset = await limited({ max_daily_top_up: 10, max_daily_bonus: 20, max_daily_spend: 15 });
    const [wallet, friend] = [await newWallet(db, asset), await newWallet(db, asset)];

    await topUp(wallet, 10);
    await bonus(wallet, 20);
    await send(wallet, friend, 10);
    await send(friend, wallet, 10);
    await book('wallet_release', { wallet_id: wallet, hold_id: await hold(wallet, 30) });
    await spend(wallet, 15);

    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '15' });
  });

  it('are not reduced by a refund', async () => {
    const wallet = await newWallet(db, await limited({ max_daily_spend: 100 }), { bought: 500 });
    const { transfer_id } = await spend(wallet, 100);
    await book('wallet_reverse', { wallet_id: wallet, transfer_id });

    expect(await refusal(spend(wallet, 1))).toMatchObject(limitOf(wallet, 'max_daily_spend', 100, 0));
  });

  it('count replays once', async () => {
    const wallet_id = await newWallet(db, await limited({ max_daily_top_up: 10 }));
    const request = { wallet_id, amount: 6, idem_key: newKey() };
    await call(db, 'wallet_top_up', request);

    expect(await call(db, 'wallet_top_up', request)).toMatchObject({ replayed: true });
    await topUp(wallet_id, 4);
  });

  it('apply to a batch, which names the item that exceeds them (WLLIM)', async () => {
    const asset = await limited({ max_daily_top_up: 100, max_daily_bonus: 50, max_daily_spend: 30, max_spend: 20 });
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    await topUp(one, 40);
    const before = await rowsOf(db);

    expect(
      await refusal(batch(['top_up', one, 60], ['top_up', two, 100], ['bonus', one, 50], ['top_up', one, 1])),
    ).toMatchObject({ code: 'WLLIM', detail: { ...limitOf(one, 'max_daily_top_up', 100, 0).detail, index: 3 } });
    expect(await refusal(batch(['bonus', one, 30], ['bonus', one, 21]))).toMatchObject({
      code: 'WLLIM',
      detail: { ...limitOf(one, 'max_daily_bonus', 50, 20).detail, index: 1 },
    });
    expect(await refusal(batch(['spend', one, 20], ['spend', one, 11]))).toMatchObject({
      code: 'WLLIM',
      detail: { ...limitOf(one, 'max_daily_spend', 30, 10).detail, index: 1 },
    });
    expect(await refusal(batch(['spend', one, 21]))).toMatchObject({ detail: { limit: 'max_spend', index: 0 } });
    expect(await rowsOf(db)).toEqual(before);
    expect(await batch(['top_up', one, 60], ['bonus', one, 50], ['spend', one, 20], ['spend', one, 10])).toHaveLength(
      4,
    );
  });

  it('apply to concurrent calls: 20 spends of 10 with a limit of 100 are 10 receipts', async () => {
    const wallet_id = await newWallet(db, await limited({ max_daily_spend: 100 }), { bought: 1000 });
    const pool = db.jobPool(10);

    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        call(pool, 'wallet_spend', { wallet_id, amount: 10, idem_key: newKey() }).then(
          () => 'receipt',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    );

    expect(outcomes.sort()).toEqual([...Array<string>(10).fill('WLLIM'), ...Array<string>(10).fill('receipt')]);
  });

  it.each(['repeatable read', 'serializable'])('are not counted from an old snapshot at %s (40001)', async (level) => {
    const wallet_id = await newWallet(db, await limited({ max_daily_spend: 100 }), { bought: 1000 });
    await spend(wallet_id, 60);
    const job = await db.connectJob();
    for (const amount of [40, 41]) {
      await job.query(`begin isolation level ${level}`);
      await job.query('select from ledger.wallets limit 1');
      await topUp(wallet_id, 1);

      expect(await refusal(call(job, 'wallet_spend', { wallet_id, amount, idem_key: newKey() }))).toMatchObject({
        code: '40001',
      });
      await job.query('rollback');
    }
  });
});

describe('limits together', () => {
  it('are checked in order: the single spend before the total, the balance before the total', async () => {
    const wallet = await newWallet(db, await limited(Object.fromEntries(NAMES.map((name) => [name, 10]))), {
      bought: 10,
    });

    expect(await refusal(spend(wallet, 11))).toMatchObject(limitOf(wallet, 'max_spend', 10, 10));
    expect(await refusal(topUp(wallet, 1))).toMatchObject(limitOf(wallet, 'max_balance', 10, 0));
    expect(await refusal(bonus(wallet, 1))).toMatchObject(limitOf(wallet, 'max_balance', 10, 0));
    await spend(wallet, 8);
    expect(await refusal(topUp(wallet, 1))).toMatchObject(limitOf(wallet, 'max_daily_top_up', 10, 0));
    await bonus(wallet, 8);
    await spend(wallet, 2);
    const friend = await newWallet(db, await assetOf(wallet));
    expect(await refusal(send(wallet, friend, 11))).toMatchObject(limitOf(wallet, 'max_transfer', 10, 10));
    expect(await refusal(bonus(wallet, 3))).toMatchObject(limitOf(wallet, 'max_balance', 10, 2));
    expect(await refusal(spend(wallet, 1))).toMatchObject(limitOf(wallet, 'max_daily_spend', 10, 0));
  });

  it('are none if they are null, also after there were some', async () => {
    const asset = await limited(Object.fromEntries(NAMES.map((name) => [name, 0])));
    const wallet = await newWallet(db, asset);
    expect(await refusal(topUp(wallet, 1))).toMatchObject({ code: 'WLLIM' });

    await set(asset);

    await topUp(wallet, 1_000_000);
    await bonus(wallet, 1_000_000);
    expect(await spend(wallet, 2_000_000)).toMatchObject({ balance: '0' });
  });

  it('apply to their asset only', async () => {
    await limited({ max_balance: 0 });
    const wallet = await newWallet(db, await newAsset(db));

    expect(await topUp(wallet, 1)).toMatchObject({ balance: '1' });
  });
});

describe('limits, in order of precedence,', () => {
  const ZERO = Object.fromEntries(NAMES.map((name) => [name, 0]));

  /** An empty wallet with a used key, of an asset whose limits allow nothing. */
  async function hopeless(): Promise<{ asset: string; wallet_id: string; friend: string; idem_key: string }> {
    const asset = await newAsset(db);
    const [wallet_id, friend] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 5 })];
    const idem_key = newKey();
    await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key });
    await spend(wallet_id, 1);
    await set(asset, ZERO);
    return { asset, wallet_id, friend, idem_key };
  }

  it('come after the key: a booked call is replayed, a different one is WLKEY', async () => {
    const { wallet_id, idem_key } = await hopeless();

    expect(await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key })).toMatchObject({ replayed: true });
    expect(await refusal(call(db, 'wallet_top_up', { wallet_id, amount: 2, idem_key }))).toMatchObject({
      code: 'WLKEY',
    });
  });

  it.each(['frozen', 'closed'])("come after a wallet's status: %s", async (status) => {
    const { wallet_id, friend } = await hopeless();
    await call<object>(db, status === 'frozen' ? 'wallet_freeze' : 'wallet_close', { wallet_id, reason: 'why' });

    expect(await refusal(spend(wallet_id, 1))).toMatchObject({ code: status === 'frozen' ? 'WLFRZ' : 'WLCLS' });
    expect(await refusal(topUp(wallet_id, 1))).toMatchObject({ code: status === 'frozen' ? 'WLLIM' : 'WLCLS' });
    expect(await refusal(send(friend, wallet_id, 1))).toMatchObject({ code: status === 'frozen' ? 'WLLIM' : 'WLCLS' });
  });

  it('come before funds', async () => {
    const { asset, wallet_id, friend } = await hopeless();

    expect(await refusal(spend(wallet_id, 1))).toMatchObject(limitOf(wallet_id, 'max_spend', 0, 0));
    expect(await refusal(send(wallet_id, friend, 1))).toMatchObject(limitOf(wallet_id, 'max_transfer', 0, 0));
    await set(asset, { max_balance: 0 });
    expect(await refusal(send(wallet_id, friend, 1))).toMatchObject({
      code: 'WLLIM',
      detail: { wallet_id: friend, limit: 'max_balance' },
    });
  });

  it('come after a hold that is no longer open, and before one that is too small', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 10 });
    const [gone, open] = [await hold(wallet, 3), await hold(wallet, 3)];
    await book('wallet_release', { wallet_id: wallet, hold_id: gone });
    await set(asset, ZERO);

    expect(await refusal(capture(wallet, gone, 4))).toMatchObject({ code: 'WLHLD' });
    expect(await refusal(capture(wallet, open, 4))).toMatchObject(limitOf(wallet, 'max_spend', 0, 0));
    await set(asset);
    expect(await refusal(capture(wallet, open, 4))).toMatchObject({ code: 'WLFND' });
  });

  it('leave the key of a refused request free', async () => {
    const asset = await limited({ max_daily_top_up: 5 });
    const wallet_id = await newWallet(db, asset);
    const request = { wallet_id, amount: 6, idem_key: newKey() };
    expect(await refusal(call(db, 'wallet_top_up', request))).toMatchObject({ code: 'WLLIM' });

    await set(asset, { max_daily_top_up: 6 });

    expect(await call(db, 'wallet_top_up', request)).toMatchObject({ replayed: false, balance: '6' });
    expect(await callAll(db, 'wallet_history', { wallet_id })).toHaveLength(1);
  });
});

describe('bookings under limits', () => {
  it('leave a sound ledger', async () => {
    await expectSound(db);
  });
});
