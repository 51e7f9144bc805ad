import { ageTo } from '../aged.ts';
import {
  BAD_AMOUNTS,
  BAD_KEYS,
  BAD_METADATA,
  call,
  callAll,
  createDatabase,
  expectSound,
  forceHead,
  inMs,
  MAX_BALANCE,
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

describe('wallet_bonus', () => {
  const db = createDatabase();

  it("books from promotions to the wallet's bonus credits", async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 40 });

    const receipt = await call(db, 'wallet_bonus', {
      wallet_id: wallet,
      amount: 25,
      idem_key: newKey(),
      metadata: { campaign: 'easter' },
    });

    expect(receipt).toMatchObject({
      wallet_id: wallet,
      seq: '2',
      kind: 'bonus',
      amount: '25',
      bonus_amount: '25',
      balance: '65',
      bonus_balance: '25',
      held_balance: '0',
      available: '65',
      hold_id: null,
      replayed: false,
    });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '40' },
      { account: 'promotions', debit: '25' },
      { account: 'revenue' },
      { account: 'breakage' },
      { account: 'players', credit: '65' },
    ]);
    await expectSound(db);
  });

  it('counts as granted, not as topped up', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 1, bonus: 2 });

    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 3, idem_key: newKey() });

    const { rows } = await db.query(
      'select topped_up_total, granted_total, spent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [wallet],
    );
    expect(rows).toEqual([{ topped_up_total: '1', granted_total: '5', spent_total: '0' }]);
  });

  it('books into a frozen wallet', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await setStatus(db, wallet, 'frozen');

    expect(await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 3, idem_key: newKey() })).toMatchObject({
      bonus_balance: '3',
    });
  });

  it('replays the original receipt after other movements', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 5 });
    const request = {
      wallet_id: wallet,
      amount: 10,
      idem_key: newKey(),
      expires_at: null,
      metadata: { campaign: 'easter' },
    };
    const first = await call(db, 'wallet_bonus', request);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 12, idem_key: newKey() });
    await setStatus(db, wallet, 'closed');

    const again = await call(db, 'wallet_bonus', { ...request, expires_at: undefined });

    expect(first).toMatchObject({ balance: '15', bonus_balance: '10' });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 3, entries: 3 });
  });

  it('books one transfer for concurrent calls with one key', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const pool = db.jobPool(16);
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey() };

    const receipts = await Promise.all(Array.from({ length: 32 }, () => call(pool, 'wallet_bonus', request)));

    const first = receipts.find((receipt) => !receipt.replayed);
    expect(receipts.filter((receipt) => receipt.replayed)).toEqual(Array(31).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 1, entries: 1 });
  });

  it.each([
    { field: 'amount', other: { amount: 11 }, first: '10', again: '11' },
    {
      field: 'expires_at',
      other: { expires_at: '2998-01-01T00:00:00Z' },
      first: '2999-01-01T00:00:00+00:00',
      again: '2998-01-01T00:00:00+00:00',
    },
    {
      field: 'expires_at',
      other: { expires_at: '2000-01-01' },
      first: '2999-01-01T00:00:00+00:00',
      again: '2000-01-01T00:00:00+00:00',
    },
    { field: 'expires_at', other: { expires_at: null }, first: '2999-01-01T00:00:00+00:00', again: null },
    {
      field: 'metadata',
      other: { metadata: { campaign: 'may' } },
      first: '{"campaign": "easter"}',
      again: '{"campaign": "may"}',
    },
  ])('names $field where a key comes again with another (WLKEY)', async ({ field, other, first, again }) => {
    const session = await db.connect();
    await session.query("set timezone = 'UTC'");
    const request = {
      wallet_id: await newWallet(db, await someAsset(db)),
      amount: 10,
      idem_key: newKey(),
      expires_at: '2999-01-01T00:00:00Z',
      metadata: { campaign: 'easter' },
    };
    await call(session, 'wallet_bonus', request);

    expect(await refusal(call(session, 'wallet_bonus', { ...request, ...other }))).toMatchObject({
      code: 'WLKEY',
      detail: { field, first, again },
    });
  });

  it('names the kind if another function reuses the key (WLKEY)', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey() };
    await call(db, 'wallet_top_up', request);

    expect(await refusal(call(db, 'wallet_bonus', request))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'kind', first: 'top_up', again: 'bonus' },
    });
  });
});

describe('wallet_bonus with an expiry', () => {
  const db = createDatabase();
  const history = (wallet_id: string) => callAll<object>(db, 'wallet_history', { wallet_id });

  it('grants credits that can be spent until the expiry', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);

    const receipt = await call(db, 'wallet_bonus', { wallet_id, amount: 10, idem_key: newKey(), expires_at });

    expect(receipt).toMatchObject({ bonus_amount: '10', balance: '15', bonus_balance: '10', available: '15' });
    const { rows } = await db.query('select expires_at from ledger.transfers where id = $1', [receipt.transfer_id]);
    expect(rows).toEqual([{ expires_at }]);
    expect(await call(db, 'wallet_spend', { wallet_id, amount: 12, idem_key: newKey() })).toMatchObject({
      bonus_amount: '10',
      balance: '3',
    });
    await expectSound(db);
  });

  it('grants credits that expire, and are booked to breakage by the next call', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 10, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);

    const receipt = await call(db, 'wallet_bonus', { wallet_id, amount: 1, idem_key: newKey() });

    expect(receipt).toMatchObject({ seq: '4', balance: '6', bonus_balance: '1' });
    expect((await history(wallet_id)).slice(2)).toMatchObject([
      { kind: 'expiry', amount: '10', bonus_amount: '10', balance: '5', counterparty: 'breakage', idem_key: null },
      { kind: 'bonus', amount: '1', balance: '6' },
    ]);
    await expectSound(db);
  });

  it('is replayed after the expiry has passed and was booked', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const request = { wallet_id, amount: 10, idem_key: newKey(), expires_at: await inMs(db, 3_600_000) };
    const first = await call(db, 'wallet_bonus', request);
    [request.expires_at, first.created_at] = await ageTo(db, request.expires_at, first.created_at);

    const due = await call(db, 'wallet_bonus', request);
    await call(db, 'wallet_expire_due', {});
    const booked = await call(db, 'wallet_bonus', request);

    expect(first).toMatchObject({ balance: '15', replayed: false });
    expect([due, booked]).toEqual(Array(2).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 3, entries: 3 });
    await expectSound(db);
  });

  it('refuses an expiry that is not in the future, with the current time (WLARG)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));

    for (const expires_at of [await inMs(db, 0), '2000-01-01T00:00:00Z']) {
      const before = await inMs(db, 0);
      const refused = await refusal(call(db, 'wallet_bonus', { wallet_id, amount: 1, idem_key: newKey(), expires_at }));
      expect(refused).toMatchObject({ code: 'WLARG', detail: { argument: 'expires_at' } });
      expect(new Date(String(refused.detail.expires_at)).getTime()).toBe(new Date(expires_at).getTime());
      const { rows } = await db.query('select $1::timestamptz between $2 and clock_timestamp() as now', [
        refused.detail.now,
        before,
      ]);
      expect(rows).toEqual([{ now: true }]);
    }
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 0, entries: 0 });
  });

  it('keeps lots of equal expiry separate, and takes the older one first', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const expires_at = await inMs(db, 3_600_000);
    const grant = (amount: number) => call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
    await grant(3);
    const { transfer_id } = await grant(4);

    await call(db, 'wallet_spend', { wallet_id, amount: 5, idem_key: newKey() });

    expect(await callAll(db, 'wallet_explain', { wallet_id })).toMatchObject([
      { amount: '2', expires_at, transfer_id },
    ]);
    await expectSound(db);
  });
});

describe('wallet_bonus, in order of precedence,', () => {
  const db = createDatabase();

  /** A wallet at its maximum with a used key; closed if `closed`. */
  async function hopeless(closed: boolean): Promise<{ wallet_id: string; idem_key: string }> {
    const wallet_id = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    await call(db, 'wallet_bonus', { wallet_id, amount: 1, idem_key });
    await forceHead(db, wallet_id, { balance: MAX_BALANCE, granted_total: MAX_BALANCE });
    if (closed) await setStatus(db, wallet_id, 'closed');
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
        arrange: async () => ({ ...(await hopeless(true)), amount, metadata: null }),
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
        arrange: async () => ({ ...(await hopeless(true)), amount: 2, expires_at }),
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
        arrange: async () => ({ ...(await hopeless(true)), amount: 2, metadata }),
      },
    ]),
    {
      code: 'WLNOW',
      what: 'an unknown wallet, and an expiry that has passed',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () =>
        Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), expires_at: '2000-01-01' }),
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed, full wallet, with an expiry that has passed',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: async () => ({ ...(await hopeless(true)), amount: 2, expires_at: '2000-01-01' }),
    },
    {
      code: 'WLARG',
      what: 'an expiry that has passed for a closed, full wallet',
      detail: { argument: 'expires_at' },
      arrange: async () => ({ ...(await hopeless(true)), amount: 2, idem_key: newKey(), expires_at: '2000-01-01' }),
    },
    {
      code: 'WLCLS',
      what: 'a closed, full wallet',
      detail: {},
      arrange: async () => ({ ...(await hopeless(true)), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'a full wallet',
      detail: { max: MAX_BALANCE, left: '0' },
      arrange: async () => ({ ...(await hopeless(false)), amount: 2, idem_key: newKey() }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_bonus', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(await refusal(call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey() }))).toMatchObject({ code });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 0, entries: 0 });
  });

  it('counts the lifetime total of bonuses towards the maximum (WLLIM)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await forceHead(db, wallet_id, { granted_total: MAX_BALANCE });

    expect(await refusal(call(db, 'wallet_bonus', { wallet_id, amount: 1, idem_key: newKey() }))).toMatchObject({
      code: 'WLLIM',
    });
  });
});
