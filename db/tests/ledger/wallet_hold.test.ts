import { ageTo } from '../aged.ts';
import {
  BAD_AMOUNTS,
  BAD_KEYS,
  BAD_METADATA,
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';

describe('wallet_hold', () => {
  const db = createDatabase();

  it('reserves: available decreases, the balance does not, and nothing moves', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 40 });

    const receipt = await call(db, 'wallet_hold', {
      wallet_id: wallet,
      amount: 15,
      idem_key: newKey(),
      metadata: { order: 7 },
    });

    expect(receipt).toMatchObject({
      wallet_id: wallet,
      seq: '2',
      kind: 'hold',
      amount: '15',
      bonus_amount: '0',
      balance: '40',
      bonus_balance: '0',
      held_balance: '15',
      available: '25',
      hold_id: receipt.transfer_id,
      replayed: false,
    });
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '40', available: '25' });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '40' },
      { account: 'promotions', debit: '0' },
      { account: 'revenue', credit: '0' },
      { account: 'breakage', credit: '0' },
      { account: 'players', credit: '40' },
    ]);
    await expectSound(db);
  });

  it('writes one entry without a movement', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    await call(db, 'wallet_hold', { wallet_id, amount: 8, idem_key: newKey() });

    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 3, entries: 3 });
    const { rows } = await db.query(
      'select e.*, ledger.entries_side(e) as side from ledger.entries e where wallet_id = $1 and seq = 3',
      [wallet_id],
    );
    expect(rows).toMatchObject([
      {
        kind: 'hold',
        side: 'debit',
        amount: '0',
        bonus_amount: '0',
        held_amount: '8',
        balance: '15',
        bonus_balance: '5',
        held_balance: '8',
        spent_total: '0',
      },
    ]);
    await expectSound(db);
  });

  it.each([
    { bought: 10, bonus: 5, held: 3, bonus_amount: '3', then: '5', from: '2' },
    { bought: 10, bonus: 5, held: 8, bonus_amount: '5', then: '5', from: '0' },
    { bought: 10, bonus: 5, held: 15, bonus_amount: '5', then: '0', from: '0' },
    { bought: 10, bonus: 0, held: 10, bonus_amount: '0', then: '0', from: '0' },
  ])(
    'reserves bonus credits first, which a spend then leaves alone: $held of $bought and $bonus',
    async ({ bought, bonus, held, bonus_amount, then, from }) => {
      const wallet_id = await newWallet(db, await someAsset(db), { bought, bonus });

      const receipt = await call(db, 'wallet_hold', { wallet_id, amount: held, idem_key: newKey() });

      expect(receipt).toMatchObject({ bonus_amount, available: String(bought + bonus - held) });
      if (then !== '0') {
        expect(await call(db, 'wallet_spend', { wallet_id, amount: then, idem_key: newKey() })).toMatchObject({
          bonus_amount: from,
          held_balance: String(held),
        });
      }
      await expectSound(db);
    },
  );

  it('reserves expiring credits first, the earliest expiry first', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 10 });
    const [late, early] = [await inMs(db, 7_200_000), await inMs(db, 3_600_000)];
    for (const expires_at of [late, early])
      await call(db, 'wallet_bonus', { wallet_id, amount: 10, idem_key: newKey(), expires_at });

    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 14, idem_key: newKey() });
    await call(db, 'wallet_hold', { wallet_id, amount: 9, idem_key: newKey() });

    const parts = await callAll<Record<string, unknown>>(db, 'wallet_explain', { wallet_id });
    expect(parts.filter((part) => part.hold_id === hold_id)).toMatchObject([
      { source: 'expiring_bonus', amount: '10', expires_at: early },
      { source: 'expiring_bonus', amount: '4', expires_at: late },
    ]);
    expect(parts.filter((part) => part.hold_id === null)).toMatchObject([
      { source: 'bonus', amount: '7' },
      { source: 'paid', amount: '10' },
    ]);
    await expectSound(db);
  });

  it('leaves the rest to the next hold (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    await call(db, 'wallet_hold', { wallet_id, amount: 8, idem_key: newKey() });

    expect(await refusal(call(db, 'wallet_hold', { wallet_id, amount: 8, idem_key: newKey() }))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id, available: '7', requested: '8' },
    });
    expect(await call(db, 'wallet_hold', { wallet_id, amount: 7, idem_key: newKey() })).toMatchObject({
      available: '0',
      held_balance: '15',
    });
    await expectSound(db);
  });

  it('books expiries first: an expired hold, then expired credits, which cannot be reserved again (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id, amount: 12, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);

    expect(await refusal(call(db, 'wallet_hold', { wallet_id, amount: 11, idem_key: newKey() }))).toMatchObject({
      code: 'WLFND',
      detail: { available: '10' },
    });
    expect(await call(db, 'wallet_hold', { wallet_id, amount: 10, idem_key: newKey() })).toMatchObject({
      seq: '6',
      balance: '10',
      bonus_amount: '0',
      bonus_balance: '0',
      held_balance: '10',
    });
    expect((await callAll<{ kind: string }>(db, 'wallet_history', { wallet_id })).map(({ kind }) => kind)).toEqual([
      'top_up',
      'bonus',
      'hold',
      'release',
      'expiry',
      'hold',
    ]);
    await expectSound(db);
  });

  it('replays the original receipt after the hold has expired and the wallet is frozen', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const request = {
      wallet_id,
      amount: 8,
      idem_key: newKey(),
      expires_at: await inMs(db, 3_600_000),
      metadata: { order: 7 },
    };
    const first = await call(db, 'wallet_hold', request);
    [request.expires_at, first.created_at] = await ageTo(db, request.expires_at, first.created_at);
    await call(db, 'wallet_spend', { wallet_id, amount: 9, idem_key: newKey() });
    await setStatus(db, wallet_id, 'frozen');

    const again = await call(db, 'wallet_hold', request);

    expect(first).toMatchObject({ balance: '10', held_balance: '8' });
    expect(again).toEqual({ ...first, replayed: true });
    await expectSound(db);
  });

  it('is replayed without a hold_id in the request, whatever became of the hold', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const request = { wallet_id, amount: 8, idem_key: newKey() };
    const first = await call(db, 'wallet_hold', request);
    await call(db, 'wallet_capture', { wallet_id, hold_id: first.hold_id, idem_key: newKey() });

    expect(await call(db, 'wallet_hold', request)).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 3, entries: 3 });
  });

  it('places one hold for concurrent calls with one key', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 100 });
    const pool = db.jobPool(16);
    const request = { wallet_id, amount: 10, idem_key: newKey() };

    const receipts = await Promise.all(Array.from({ length: 32 }, () => call(pool, 'wallet_hold', request)));

    const first = receipts.find((receipt) => !receipt.replayed);
    expect(receipts.filter((receipt) => receipt.replayed)).toEqual(Array(31).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 2, entries: 2 });
    await expectSound(db);
  });

  it.each([
    { field: 'amount', other: { amount: 9 }, first: '8', again: '9' },
    {
      field: 'expires_at',
      other: { expires_at: '2998-01-01T00:00:00Z' },
      first: '2999-01-01T00:00:00+00:00',
      again: '2998-01-01T00:00:00+00:00',
    },
    { field: 'expires_at', other: { expires_at: null }, first: '2999-01-01T00:00:00+00:00', again: null },
    { field: 'metadata', other: { metadata: {} }, first: '{"order": 7}', again: '{}' },
  ])('names $field where a key comes again with another (WLKEY)', async ({ field, other, first, again }) => {
    const session = await db.connect();
    await session.query("set timezone = 'UTC'");
    const request = {
      wallet_id: await newWallet(db, await someAsset(db), { bought: 10 }),
      amount: 8,
      idem_key: newKey(),
      expires_at: '2999-01-01T00:00:00Z',
      metadata: { order: 7 },
    };
    await call(session, 'wallet_hold', request);

    expect(await refusal(call(session, 'wallet_hold', { ...request, ...other }))).toMatchObject({
      code: 'WLKEY',
      detail: { field, first, again },
    });
  });

  it('names the kind if another function reuses the key (WLKEY)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const request = { wallet_id, amount: 8, idem_key: newKey() };
    await call(db, 'wallet_hold', request);

    expect(await refusal(call(db, 'wallet_spend', request))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'kind', first: 'hold', again: 'spend' },
    });
  });
});

describe('wallet_hold, in order of precedence,', () => {
  const db = createDatabase();

  /** A wallet whose credits are all reserved, with a used key and the given status. */
  async function hopeless(status: 'open' | 'frozen' | 'closed'): Promise<{ wallet_id: string; idem_key: string }> {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 1 });
    const idem_key = newKey();
    await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key });
    if (status !== 'open') await setStatus(db, wallet_id, status);
    return { wallet_id, idem_key };
  }

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for no wallet, without a key`,
        detail: { amount },
        arrange: () =>
          Promise.resolve({ wallet_id: null, amount, idem_key: '', expires_at: '2000-01-01', metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for a hopeless wallet`,
        detail: { amount },
        arrange: async () => ({ ...(await hopeless('closed')), amount, metadata: null }),
      },
    ]),
    {
      code: 'WLARG',
      what: 'no wallet',
      detail: { argument: 'wallet_id' },
      arrange: () => Promise.resolve({ wallet_id: null, amount: 1, idem_key: newKey() }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key }),
    })),
    ...['infinity', '-infinity'].flatMap((expires_at) => [
      {
        code: 'WLARG',
        what: `the expiry ${expires_at} for an unknown wallet`,
        detail: { argument: 'expires_at' },
        arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), expires_at }),
      },
      {
        code: 'WLARG',
        what: `the expiry ${expires_at} for a hopeless wallet`,
        detail: { argument: 'expires_at' },
        arrange: async () => ({ ...(await hopeless('closed')), amount: 2, expires_at }),
      },
    ]),
    ...BAD_METADATA.flatMap((metadata) => [
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet`,
        detail: { argument: 'metadata' },
        arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), metadata }),
      },
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for a hopeless wallet`,
        detail: { argument: 'metadata' },
        arrange: async () => ({ ...(await hopeless('frozen')), amount: 2, metadata }),
      },
    ]),
    {
      code: 'WLNOW',
      what: 'an unknown wallet and an expiry that has passed',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () =>
        Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), expires_at: '2000-01-01' }),
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a frozen, empty wallet, with an expiry that has passed',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: async () => ({ ...(await hopeless('frozen')), amount: 2, expires_at: '2000-01-01' }),
    },
    ...(['frozen', 'closed'] as const).map((status) => ({
      code: 'WLARG',
      what: `an expiry that has passed for a ${status}, empty wallet`,
      detail: { argument: 'expires_at' },
      arrange: async () => ({ ...(await hopeless(status)), amount: 2, idem_key: newKey(), expires_at: '2000-01-01' }),
    })),
    {
      code: 'WLFRZ',
      what: 'a frozen, empty wallet',
      detail: {},
      arrange: async () => ({ ...(await hopeless('frozen')), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLCLS',
      what: 'a closed, empty wallet',
      detail: {},
      arrange: async () => ({ ...(await hopeless('closed')), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'an empty wallet',
      detail: { available: '0', requested: '2' },
      arrange: async () => ({ ...(await hopeless('open')), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'a wallet without entries',
      detail: { available: '0', requested: '1000000000000000' },
      arrange: async () => ({
        wallet_id: await newWallet(db, await someAsset(db)),
        amount: '1000000000000000',
        idem_key: newKey(),
      }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_hold', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });

    expect(await refusal(call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey() }))).toMatchObject({ code });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 1, entries: 1 });
  });

  it('refuses an expiry of now', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });

    expect(
      await refusal(
        call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at: await inMs(db, 0) }),
      ),
    ).toMatchObject({ code: 'WLARG', detail: { argument: 'expires_at' } });
  });
});
