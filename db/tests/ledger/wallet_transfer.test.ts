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

describe('wallet_transfer', () => {
  const db = createDatabase();

  it("books from one wallet to the other and returns the sender's balances", async () => {
    const asset = await newAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 40 }), await newWallet(db, asset, { bought: 1 })];

    const receipt = await call(db, 'wallet_transfer', {
      from_wallet: from,
      to_wallet: to,
      amount: 15,
      idem_key: newKey(),
      metadata: { gift: true },
    });

    expect(receipt).toMatchObject({
      wallet_id: from,
      seq: '2',
      kind: 'transfer',
      amount: '15',
      bonus_amount: '0',
      balance: '25',
      bonus_balance: '0',
      available: '25',
      replayed: false,
    });
    expect(await call(db, 'wallet_balance', { wallet_id: to })).toMatchObject({ balance: '16', seq: '2' });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '41' },
      { account: 'promotions' },
      { account: 'revenue' },
      { account: 'breakage' },
      { account: 'players', credit: '41' },
    ]);
    await expectSound(db);
  });

  it("writes two entries: the request is in the sender's, and the receiver's does not name the caller", async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 40 }), await newWallet(db, asset, { bought: 1 })];

    const { transfer_id } = await call(db, 'wallet_transfer', {
      from_wallet: from,
      to_wallet: to,
      amount: 15,
      idem_key: 'the-key',
      metadata: { gift: true },
    });

    const { rows } = await db.query(
      `select wallet_id, seq, debit, credit, ledger.entries_side(e) as side, amount, topped_up_total, spent_total, sent_total, to_wallet, to_seq,
         idem_key, requested_amount, metadata, actor is null as received
       from ledger.entries e where transfer_id = $1 order by side`,
      [transfer_id],
    );
    const moved = { seq: '2', debit: 'player', credit: 'player', amount: '15', spent_total: '0' };
    expect(rows).toEqual([
      {
        ...{
          wallet_id: from,
          side: 'debit',
          ...moved,
          topped_up_total: '40',
          sent_total: '15',
          to_wallet: to,
          to_seq: '2',
        },
        ...{ idem_key: 'the-key', requested_amount: '15', metadata: { gift: true }, received: false },
      },
      {
        ...{
          wallet_id: to,
          side: 'credit',
          ...moved,
          topped_up_total: '1',
          sent_total: '0',
          to_wallet: null,
          to_seq: null,
        },
        ...{ idem_key: null, requested_amount: null, metadata: null, received: true },
      },
    ]);
    const { rows: transfers } = await db.query(
      'select wallet_id, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq from ledger.transfers where id = $1',
      [transfer_id],
    );
    expect(transfers).toEqual([
      { wallet_id: from, debit_wallet_id: from, debit_seq: '2', credit_wallet_id: to, credit_seq: '2' },
    ]);
  });

  it('works in both directions, whichever id is lower', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset, { bought: 5 })];

    const there = await call(db, 'wallet_transfer', {
      from_wallet: one,
      to_wallet: two,
      amount: 5,
      idem_key: newKey(),
    });
    const back = await call(db, 'wallet_transfer', {
      from_wallet: two,
      to_wallet: one,
      amount: 10,
      idem_key: newKey(),
    });

    expect([there, back]).toMatchObject([
      { wallet_id: one, balance: '0' },
      { wallet_id: two, balance: '0' },
    ]);
    await expectSound(db);
  });

  it.each([
    {
      bought: 10,
      bonus: 5,
      sent: 3,
      bonus_amount: '3',
      left: { balance: '12', bonus_balance: '2' },
      arrived: { balance: '3', bonus_balance: '3' },
    },
    {
      bought: 10,
      bonus: 5,
      sent: 8,
      bonus_amount: '5',
      left: { balance: '7', bonus_balance: '0' },
      arrived: { balance: '8', bonus_balance: '5' },
    },
    {
      bought: 10,
      bonus: 5,
      sent: 15,
      bonus_amount: '5',
      left: { balance: '0', bonus_balance: '0' },
      arrived: { balance: '15', bonus_balance: '5' },
    },
  ])(
    'takes bonus credits first, and they stay bonus credits: $sent of $bought and $bonus',
    async ({ bought, bonus, sent, bonus_amount, left, arrived }) => {
      const asset = await someAsset(db);
      const [from, to] = [await newWallet(db, asset, { bought, bonus }), await newWallet(db, asset)];

      const receipt = await call(db, 'wallet_transfer', {
        from_wallet: from,
        to_wallet: to,
        amount: sent,
        idem_key: newKey(),
      });

      expect(receipt).toMatchObject({ bonus_amount, ...left });
      expect(await call(db, 'wallet_balance', { wallet_id: to })).toMatchObject(arrived);
      await expectSound(db);
    },
  );

  it('counts as no top-up, bonus or spend', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10, bonus: 5 }), await newWallet(db, asset)];

    await call(db, 'wallet_transfer', { from_wallet: from, to_wallet: to, amount: 8, idem_key: newKey() });

    const totals =
      'select topped_up_total, granted_total, spent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1';
    expect((await db.query(totals, [from])).rows).toEqual([
      { topped_up_total: '10', granted_total: '5', spent_total: '0' },
    ]);
    expect((await db.query(totals, [to])).rows).toEqual([
      { topped_up_total: '0', granted_total: '0', spent_total: '0' },
    ]);
  });

  it('can arrive in a frozen wallet', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 40 }), await newWallet(db, asset)];
    await setStatus(db, to, 'frozen');

    expect(
      await call(db, 'wallet_transfer', { from_wallet: from, to_wallet: to, amount: 15, idem_key: newKey() }),
    ).toMatchObject({ balance: '25' });
    await expectSound(db);
  });

  it('replays the original receipt after other movements, for wallets that are no longer open', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10, bonus: 2 }), await newWallet(db, asset)];
    const request = { from_wallet: from, to_wallet: to, amount: 10, idem_key: newKey(), metadata: { gift: true } };
    const first = await call(db, 'wallet_transfer', request);
    await call(db, 'wallet_spend', { wallet_id: from, amount: 2, idem_key: newKey() });
    await setStatus(db, from, 'frozen');
    await setStatus(db, to, 'closed');

    const again = await call(db, 'wallet_transfer', request);

    expect(first).toMatchObject({ balance: '2', bonus_amount: '2' });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, to)).toEqual({ transfers: 0, entries: 1 });
  });

  it('books one transfer for concurrent calls with one key', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];
    const pool = db.jobPool(16);
    const request = { from_wallet: from, to_wallet: to, amount: 10, idem_key: newKey() };

    const receipts = await Promise.all(Array.from({ length: 32 }, () => call(pool, 'wallet_transfer', request)));

    const first = receipts.find((receipt) => !receipt.replayed);
    expect(receipts.filter((receipt) => receipt.replayed)).toEqual(Array(31).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, to)).toEqual({ transfers: 0, entries: 1 });
  });

  it('separates the keys of both directions', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset, { bought: 5 })];

    const there = await call(db, 'wallet_transfer', { from_wallet: one, to_wallet: two, amount: 5, idem_key: 'same' });
    const back = await call(db, 'wallet_transfer', { from_wallet: two, to_wallet: one, amount: 5, idem_key: 'same' });

    expect([there, back]).toMatchObject([{ replayed: false }, { replayed: false }]);
  });

  it('names the field if another request reuses the key (WLKEY)', async () => {
    const asset = await someAsset(db);
    const [from, to, third] = [
      await newWallet(db, asset, { bought: 10 }),
      await newWallet(db, asset),
      await newWallet(db, asset),
    ];
    const request = { from_wallet: from, to_wallet: to, amount: 10, idem_key: newKey(), metadata: { gift: true } };
    await call(db, 'wallet_transfer', request);
    const again = (other: object) => refusal(call(db, 'wallet_transfer', { ...request, ...other }));

    expect(await again({ to_wallet: third })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'to_wallet', first: to, again: third },
    });
    expect(await again({ amount: 11 })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount', first: '10', again: '11' },
    });
    expect(await again({ metadata: {} })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'metadata', first: '{"gift": true}', again: '{}' },
    });
    expect(
      await refusal(
        call(db, 'wallet_spend', {
          wallet_id: from,
          amount: 10,
          idem_key: request.idem_key,
          metadata: request.metadata,
        }),
      ),
    ).toMatchObject({ code: 'WLKEY', detail: { field: 'kind', first: 'transfer', again: 'spend' } });
    await expectSound(db);
  });
});

describe('wallet_transfer of credits that expire', () => {
  const db = createDatabase();
  const HOUR_MS = 3_600_000;
  const grant = (wallet_id: string, amount: number, expires_at: string) =>
    call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
  const send = (from_wallet: string, to_wallet: string, amount: number) =>
    call(db, 'wallet_transfer', { from_wallet, to_wallet, amount, idem_key: newKey() });
  const explain = (wallet_id: string) => callAll<object>(db, 'wallet_explain', { wallet_id });

  it('keeps their expiry, and takes the earliest first', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10, bonus: 5 }), await newWallet(db, asset)];
    const [early, late] = [await inMs(db, HOUR_MS), await inMs(db, 2 * HOUR_MS)];
    await grant(from, 7, late);
    await grant(from, 3, early);

    const receipt = await send(from, to, 5);
    await send(from, to, 11);

    expect(receipt).toMatchObject({ bonus_amount: '5', bonus_balance: '10' });
    expect(await explain(to)).toMatchObject([
      { source: 'expiring_bonus', amount: '3', expires_at: early, transfer_id: receipt.transfer_id },
      { source: 'expiring_bonus', amount: '2', expires_at: late, transfer_id: receipt.transfer_id },
      { source: 'expiring_bonus', amount: '5', expires_at: late },
      { source: 'bonus', amount: '5' },
      { source: 'paid', amount: '1' },
    ]);
    expect(await explain(from)).toMatchObject([{ source: 'paid', amount: '9' }]);
    await expectSound(db);
  });

  it('merges parts of equal expiry into one lot', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset), await newWallet(db, asset)];
    const [early, late] = [await inMs(db, HOUR_MS), await inMs(db, 2 * HOUR_MS)];
    for (const [amount, expires_at] of [
      [3, late],
      [1, early],
      [4, late],
      [2, early],
    ] as const)
      await grant(from, amount, expires_at);

    const { transfer_id } = await send(from, to, 9);

    expect(await explain(to)).toMatchObject([
      { amount: '3', expires_at: early, transfer_id },
      { amount: '6', expires_at: late, transfer_id },
    ]);
    expect(await explain(from)).toMatchObject([{ amount: '1', expires_at: late }]);
    await expectSound(db);
  });

  it('spends received credits by their expiry, among those that were there', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset), await newWallet(db, asset, { bonus: 4 })];
    const [first, second, third] = [await inMs(db, HOUR_MS), await inMs(db, 2 * HOUR_MS), await inMs(db, 3 * HOUR_MS)];
    await grant(to, 5, first);
    await grant(to, 5, third);
    await grant(from, 5, second);
    await send(from, to, 5);

    await call(db, 'wallet_spend', { wallet_id: to, amount: 8, idem_key: newKey() });

    expect(await explain(to)).toMatchObject([
      { amount: '2', expires_at: second },
      { amount: '5', expires_at: third },
      { source: 'bonus', amount: '4' },
    ]);
    await expectSound(db);
  });

  it('keeps the expiry in both directions', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const expires_at = await inMs(db, HOUR_MS);
    await grant(one, 5, expires_at);

    await send(one, two, 5);
    const { transfer_id } = await send(two, one, 3);

    expect(await explain(one)).toMatchObject([{ source: 'expiring_bonus', amount: '3', expires_at, transfer_id }]);
    expect(await explain(two)).toMatchObject([{ source: 'expiring_bonus', amount: '2', expires_at }]);
    await expectSound(db);
  });
});

describe('wallet_transfer, in order of precedence,', () => {
  const db = createDatabase();

  interface Hopeless {
    from: 'open' | 'frozen' | 'closed';
    to: 'open' | 'frozen' | 'closed';
    full?: boolean;
  }

  /** From an empty wallet with a used key to one at its maximum, unless `full` is false. */
  async function hopeless({
    from,
    to,
    full = true,
  }: Hopeless): Promise<{ from_wallet: string; to_wallet: string; idem_key: string }> {
    const asset = await someAsset(db);
    const [from_wallet, to_wallet] = [await newWallet(db, asset, { bought: 1 }), await newWallet(db, asset)];
    const idem_key = newKey();
    await call(db, 'wallet_transfer', { from_wallet, to_wallet, amount: 1, idem_key });
    if (full) await forceHead(db, to_wallet, { balance: MAX_BALANCE });
    if (from !== 'open') await setStatus(db, from_wallet, from);
    if (to !== 'open') await setStatus(db, to_wallet, to);
    return { from_wallet, to_wallet, idem_key };
  }
  const anyWallet = async () => newWallet(db, await someAsset(db));

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for an unknown wallet to itself, without a key`,
        detail: { amount },
        arrange: () =>
          Promise.resolve({
            from_wallet: UNKNOWN_WALLET,
            to_wallet: UNKNOWN_WALLET,
            amount,
            idem_key: '',
            metadata: '[]',
          }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for no wallets`,
        detail: { amount },
        arrange: () => Promise.resolve({ from_wallet: null, to_wallet: null, amount, idem_key: '', metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for hopeless wallets`,
        detail: { amount },
        arrange: async () => ({ ...(await hopeless({ from: 'frozen', to: 'closed' })), amount, metadata: null }),
      },
    ]),
    {
      code: 'WLARG',
      what: 'no wallet to leave',
      detail: { argument: 'from_wallet' },
      arrange: () => Promise.resolve({ from_wallet: null, to_wallet: UNKNOWN_WALLET, amount: 1, idem_key: newKey() }),
    },
    {
      code: 'WLARG',
      what: 'no wallet to arrive in',
      detail: { argument: 'to_wallet' },
      arrange: () => Promise.resolve({ from_wallet: UNKNOWN_WALLET, to_wallet: null, amount: 1, idem_key: newKey() }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet to itself`,
      detail: { argument: 'idem_key' },
      arrange: () => Promise.resolve({ from_wallet: UNKNOWN_WALLET, to_wallet: UNKNOWN_WALLET, amount: 1, idem_key }),
    })),
    ...BAD_METADATA.flatMap((metadata) => [
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet to itself`,
        detail: { argument: 'metadata' },
        arrange: () =>
          Promise.resolve({
            from_wallet: UNKNOWN_WALLET,
            to_wallet: UNKNOWN_WALLET,
            amount: 1,
            idem_key: newKey(),
            metadata,
          }),
      },
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for hopeless wallets`,
        detail: { argument: 'metadata' },
        arrange: async () => ({ ...(await hopeless({ from: 'frozen', to: 'closed' })), amount: 2, metadata }),
      },
    ]),
    {
      code: 'WLSLF',
      what: 'an unknown wallet to itself',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () =>
        Promise.resolve({ from_wallet: UNKNOWN_WALLET, to_wallet: UNKNOWN_WALLET, amount: 1, idem_key: newKey() }),
    },
    {
      code: 'WLSLF',
      what: 'a frozen, empty wallet to itself with a taken key',
      detail: {},
      arrange: async () => {
        const { from_wallet, idem_key } = await hopeless({ from: 'frozen', to: 'open' });
        return { from_wallet, to_wallet: from_wallet, amount: 2, idem_key };
      },
    },
    {
      code: 'WLNOW',
      what: 'from an unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: async () => ({
        from_wallet: UNKNOWN_WALLET,
        to_wallet: await anyWallet(),
        amount: 1,
        idem_key: newKey(),
      }),
    },
    {
      code: 'WLNOW',
      what: 'from a hopeless wallet with a taken key to an unknown one',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: async () => ({
        ...(await hopeless({ from: 'closed', to: 'open' })),
        to_wallet: UNKNOWN_WALLET,
        amount: 2,
      }),
    },
    {
      code: 'WLAST',
      what: 'from a hopeless wallet with a taken key to a closed one of another asset',
      detail: {},
      arrange: async () => {
        const to_wallet = await newWallet(db, await newAsset(db));
        await setStatus(db, to_wallet, 'closed');
        return { ...(await hopeless({ from: 'closed', to: 'open' })), to_wallet, amount: 2 };
      },
    },
    {
      code: 'WLKEY',
      what: 'a taken key, from a closed, empty wallet to a closed, full one',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: async () => ({ ...(await hopeless({ from: 'closed', to: 'closed' })), amount: 2 }),
    },
    {
      code: 'WLFRZ',
      what: 'from a frozen, empty wallet to a full one',
      detail: {},
      arrange: async () => ({ ...(await hopeless({ from: 'frozen', to: 'open' })), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLCLS',
      what: 'from a closed, empty wallet to a full one',
      detail: {},
      arrange: async () => ({ ...(await hopeless({ from: 'closed', to: 'frozen' })), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLCLS',
      what: 'from an empty wallet to a closed, full one',
      detail: {},
      arrange: async () => ({ ...(await hopeless({ from: 'open', to: 'closed' })), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'from an empty wallet to a full one',
      detail: { max: MAX_BALANCE, left: '0' },
      arrange: async () => ({ ...(await hopeless({ from: 'open', to: 'frozen' })), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'from an empty wallet',
      detail: { available: '0', requested: '2' },
      arrange: async () => ({
        ...(await hopeless({ from: 'open', to: 'open', full: false })),
        amount: 2,
        idem_key: newKey(),
      }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_transfer', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const asset = await someAsset(db);
    const [from_wallet, to_wallet] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];

    expect(
      await refusal(call(db, 'wallet_transfer', { from_wallet, to_wallet, amount, idem_key: newKey() })),
    ).toMatchObject({ code });
    expect(await rowsOf(db, from_wallet)).toEqual({ transfers: 1, entries: 1 });
  });

  it('names both assets if they differ (WLAST)', async () => {
    const [one, two] = [await newAsset(db), await newAsset(db)];
    const [from_wallet, to_wallet] = [await newWallet(db, one, { bought: 10 }), await newWallet(db, two)];

    expect(
      await refusal(call(db, 'wallet_transfer', { from_wallet, to_wallet, amount: 1, idem_key: newKey() })),
    ).toMatchObject({ code: 'WLAST', detail: { from_asset: one, to_asset: two } });
  });

  it('counts the lifetime total of sent credits towards the maximum, not received ones (WLLIM)', async () => {
    const asset = await someAsset(db);
    const [from_wallet, to_wallet] = [await newWallet(db, asset), await newWallet(db, asset)];
    for (const [wallet, sent_total] of [
      [from_wallet, '8999999999999999995'],
      [to_wallet, MAX_BALANCE],
    ] as const)
      await forceHead(db, wallet, { balance: '100', sent_total });

    expect(
      await refusal(call(db, 'wallet_transfer', { from_wallet, to_wallet, amount: 6, idem_key: newKey() })),
    ).toMatchObject({ code: 'WLLIM', detail: { wallet_id: from_wallet, max: MAX_BALANCE, left: '5' } });
    expect(await call(db, 'wallet_transfer', { from_wallet, to_wallet, amount: 5, idem_key: newKey() })).toMatchObject({
      balance: '95',
    });
  });

  it('takes no held credits (WLFND)', async () => {
    const asset = await someAsset(db);
    const [from_wallet, to_wallet] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];
    await call(db, 'wallet_hold', { wallet_id: from_wallet, amount: 4, idem_key: newKey() });

    expect(
      await refusal(call(db, 'wallet_transfer', { from_wallet, to_wallet, amount: 7, idem_key: newKey() })),
    ).toMatchObject({ code: 'WLFND', detail: { wallet_id: from_wallet, available: '6', requested: '7' } });
  });
});
