import {
  BAD_AMOUNTS,
  BAD_KEYS,
  BAD_METADATA,
  call,
  callAll,
  createDatabase,
  expectSound,
  forceHead,
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

describe('wallet_top_up', () => {
  const db = createDatabase();

  it('books from the treasury to the wallet and returns the balances after it', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 40, bonus: 5 });

    const receipt = await call(db, 'wallet_top_up', {
      wallet_id: wallet,
      amount: 500,
      idem_key: newKey(),
      metadata: { payment: 'p-1' },
    });

    expect(receipt).toEqual({
      transfer_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) as string,
      wallet_id: wallet,
      seq: '3',
      kind: 'top_up',
      amount: '500',
      bonus_amount: '0',
      balance: '545',
      bonus_balance: '5',
      held_balance: '0',
      available: '545',
      hold_id: null,
      replayed: false,
      created_at: expect.any(String) as string,
      owed: '0',
      in_flight: false,
    });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toEqual([
      { asset_code: asset, account: 'treasury', debit: '540', credit: '0' },
      { asset_code: asset, account: 'promotions', debit: '5', credit: '0' },
      { asset_code: asset, account: 'revenue', debit: '0', credit: '0' },
      { asset_code: asset, account: 'breakage', debit: '0', credit: '0' },
      { asset_code: asset, account: 'players', debit: '0', credit: '545' },
    ]);
    await expectSound(db);
  });

  it('writes one entry in the wallet, and none for the house', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);

    const receipt = await call(db, 'wallet_top_up', {
      wallet_id: wallet,
      amount: 7,
      idem_key: 'the-key',
      metadata: { a: 1 },
    });

    const {
      rows: [transfer],
    } = await db.query('select * from ledger.transfers where id = $1', [receipt.transfer_id]);
    const { rows: entries } = await db.query(
      `select wallet_id, seq, kind, debit, credit, ledger.entries_side(e) as side, amount, balance, topped_up_total, granted_total, spent_total
       from ledger.entries e where transfer_id = $1`,
      [receipt.transfer_id],
    );
    const { rows: journal } = await db.query(
      'select side, account, wallet_id, asset_code, amount from ledger.journal where transfer_id = $1 order by side',
      [receipt.transfer_id],
    );
    expect(transfer).toMatchObject({
      wallet_id: wallet,
      idem_key: 'the-key',
      kind: 'top_up',
      debit_wallet_id: null,
      debit_seq: null,
      credit_wallet_id: wallet,
      credit_seq: '1',
      requested_amount: '7',
      amount: '7',
      bonus_amount: '0',
      reverses: null,
      hold_id: null,
      expires_at: null,
      metadata: { a: 1 },
      actor: expect.stringMatching(/^db:/) as string,
    });
    expect(entries).toEqual([
      {
        wallet_id: wallet,
        seq: '1',
        kind: 'top_up',
        debit: 'treasury',
        credit: 'player',
        side: 'credit',
        amount: '7',
        balance: '7',
        topped_up_total: '7',
        granted_total: '0',
        spent_total: '0',
      },
    ]);
    expect(journal).toEqual([
      { side: 'debit', account: 'treasury', wallet_id: null, asset_code: asset, amount: '7' },
      { side: 'credit', account: 'player', wallet_id: wallet, asset_code: asset, amount: '7' },
    ]);
  });

  it('books the smallest and the largest amount, the longest key and the largest metadata', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const text = 'x'.repeat(8192 - '{"a": ""}'.length);

    await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: 'k', metadata: {} });
    const receipt = await call(db, 'wallet_top_up', {
      wallet_id: wallet,
      amount: '1000000000000000',
      idem_key: 'ü'.repeat(200),
      metadata: { a: text },
    });

    expect(receipt).toMatchObject({ seq: '2', balance: '1000000000000001' });
  });

  it('books into a frozen wallet', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await setStatus(db, wallet, 'frozen');

    expect(await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 3, idem_key: newKey() })).toMatchObject({
      balance: '3',
    });
    await expectSound(db);
  });

  it('replays the original receipt after other movements, also to another caller', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bonus: 5 });
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey(), metadata: { b: [1, { c: 'ü' }], a: 1 } };
    const first = await call(db, 'wallet_top_up', request);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 15, idem_key: newKey() });
    await setStatus(db, wallet, 'closed');
    const before = await rowsOf(db, wallet);

    const again = await call(await db.connectJob(), 'wallet_top_up', {
      ...request,
      metadata: { a: 1, b: [1, { c: 'ü' }] },
    });

    expect(again).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet)).toEqual(before);
  });

  it('books one transfer for concurrent calls with one key', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const pool = db.jobPool(16);
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey() };

    const receipts = await Promise.all(Array.from({ length: 32 }, () => call(pool, 'wallet_top_up', request)));

    const first = receipts.find((receipt) => !receipt.replayed);
    expect(receipts.filter((receipt) => receipt.replayed)).toEqual(Array(31).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 1, entries: 1 });
  });

  it.each([
    { field: 'amount', other: { amount: 11 }, first: '10', again: '11' },
    { field: 'metadata', other: { metadata: { n: 1.0, s: '1' } }, first: '{"n": 1}', again: '{"n": 1, "s": "1"}' },
    { field: 'metadata', other: { metadata: undefined }, first: '{"n": 1}', again: '{}' },
    { field: 'amount', other: { amount: 9, metadata: {} }, first: '10', again: '9' },
  ])('names $field where a key comes again with another ($again) (WLKEY)', async ({ field, other, first, again }) => {
    const wallet = await newWallet(db, await someAsset(db));
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey(), metadata: { n: 1 } };
    const receipt = await call(db, 'wallet_top_up', request);

    const refused = await refusal(call(db, 'wallet_top_up', { ...request, ...other }));

    expect(refused).toMatchObject({
      code: 'WLKEY',
      detail: { wallet_id: wallet, idem_key: request.idem_key, transfer_id: receipt.transfer_id, field, first, again },
    });
    expect(refused.message).toMatch(/^idempotency key reused: /);
    expect(refused.hint).not.toBe('');
  });

  it('names the kind if another function reuses the key (WLKEY)', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey() };
    await call(db, 'wallet_bonus', request);

    expect(await refusal(call(db, 'wallet_top_up', request))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'kind', first: 'bonus', again: 'top_up' },
    });
  });

  it('separates keys by wallet', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];

    const receipts = [one, two].map((wallet_id) =>
      call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: 'same' }),
    );

    expect(await Promise.all(receipts)).toMatchObject([
      { wallet_id: one, replayed: false },
      { wallet_id: two, replayed: false },
    ]);
  });

  it('leaves the key of a refused request free', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    await refusal(call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key }));

    expect(await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key })).toMatchObject({
      replayed: false,
    });
  });
});

describe('wallet_top_up, in order of precedence,', () => {
  const db = createDatabase();

  /** A wallet at its maximum with a used key; closed if `closed`. */
  async function hopeless(closed: boolean): Promise<{ wallet_id: string; idem_key: string }> {
    const wallet_id = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key });
    await forceHead(db, wallet_id, { balance: MAX_BALANCE, topped_up_total: MAX_BALANCE });
    if (closed) await setStatus(db, wallet_id, 'closed');
    return { wallet_id, idem_key };
  }

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for no wallet, without a key`,
        detail: { amount, min: '1', max: '1000000000000000' },
        arrange: () => Promise.resolve({ wallet_id: null, amount, idem_key: '', metadata: '[]' }),
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
      what: 'an unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey() }),
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed, full wallet',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: async () => ({ ...(await hopeless(true)), amount: 2 }),
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

    const refused = await refusal(call(db, 'wallet_top_up', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(await refusal(call(db, 'wallet_top_up', { wallet_id, amount, idem_key: newKey() }))).toMatchObject({ code });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 0, entries: 0 });
  });

  it('fills a wallet up to the maximum and has what is left (WLLIM)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await forceHead(db, wallet_id, { balance: '8999999999999999990' });

    expect(await refusal(call(db, 'wallet_top_up', { wallet_id, amount: 11, idem_key: newKey() }))).toMatchObject({
      code: 'WLLIM',
      detail: { left: '10' },
    });
    expect(await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() })).toMatchObject({
      balance: MAX_BALANCE,
    });
  });

  it('counts the lifetime total of top-ups towards the maximum (WLLIM)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await forceHead(db, wallet_id, { topped_up_total: MAX_BALANCE });

    expect(await refusal(call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() }))).toMatchObject({
      code: 'WLLIM',
    });
  });

  it('books no earlier than the newest entry of the wallet, even if the clock has been set back', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await forceHead(db, wallet_id, { created_at: '2999-12-31 23:59:59.123456+00' });

    await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });

    const { rows } = await db.query(
      'select count(*)::int as entries, count(distinct created_at)::int as times from ledger.entries where wallet_id = $1',
      [wallet_id],
    );
    expect(rows).toEqual([{ entries: 2, times: 1 }]);
  });
});
