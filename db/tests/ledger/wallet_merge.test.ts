import { eventsOf } from '../movements.ts';
import {
  BAD_KEYS,
  call,
  callAll,
  createDatabase,
  expectSound,
  forceHead,
  MAX_BALANCE,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  partsOf,
  postBatch,
  postEach,
  type Receipt,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  UNKNOWN_WALLET,
} from '../helpers.ts';

describe('wallet_merge', () => {
  const db = createDatabase();

  const merge = (from_wallet: string, to_wallet: string, args: Record<string, unknown> = {}) =>
    call(db, 'wallet_merge', { from_wallet, to_wallet, idem_key: newKey(), reason: 'two accounts', ...args });
  const book = (name: string, args: Record<string, unknown>) => call(db, name, { idem_key: newKey(), ...args });
  const walletOf = async (id: string) =>
    (
      await db.query<{ status: string; merged_into: string | null; owed: string }>(
        'select status, merged_into, ledger.wallets_owed(w) as owed from ledger.wallets w where id = $1',
        [id],
      )
    ).rows[0];
  const pair = async (has = {}, other = {}): Promise<[string, string]> => {
    const asset = await newAsset(db);
    return [await newWallet(db, asset, has), await newWallet(db, asset, other)];
  };

  it('moves paid and bonus credits with their expiry, closes the wallet, and records its successor', async () => {
    const [from, to] = await pair({ bought: 100, bonus: 7 }, { bought: 5 });
    for (const [amount, expires_at] of [
      [20, '2100-06-01Z'],
      [3, '2100-06-01Z'],
      [30, '2101-06-01Z'],
    ])
      await book('wallet_bonus', { wallet_id: from, amount, expires_at });
    await book('wallet_spend', { wallet_id: from, amount: 4 });

    expect(await merge(from, to)).toMatchObject({
      wallet_id: from,
      kind: 'merge',
      amount: '156',
      bonus_amount: '56',
      balance: '0',
      bonus_balance: '0',
      available: '0',
      owed: '0',
      replayed: false,
    });
    expect(await partsOf(db, from)).toEqual({});
    expect(await partsOf(db, to)).toEqual({ paid: 105, bonus: 7, 2100: 19, 2101: 30 });
    expect(await walletOf(from)).toMatchObject({ status: 'closed', merged_into: to });
    expect(await walletOf(to)).toMatchObject({ status: 'open', merged_into: null });
    expect((await eventsOf(db, from)).map(({ kind, reason }) => [kind, reason])).toEqual([
      ['opened', null],
      ['closed', 'two accounts'],
    ]);
    await expectSound(db);
  });

  it('moves no totals: top-ups, bonuses, spends and transfers stay with the wallet', async () => {
    const [from, to] = await pair({ bought: 100, bonus: 7 }, { bought: 5 });
    await book('wallet_spend', { wallet_id: from, amount: 4 });
    await merge(from, to);

    const { rows } = await db.query(
      `select topped_up_total::int, granted_total::int, spent_total::int, sent_total::int
       from unnest($1::uuid[]) with ordinality w (id, place), ledger_private.head(w.id) order by place`,
      [[from, to]],
    );
    expect(rows).toEqual([
      { topped_up_total: 100, granted_total: 7, spent_total: 4, sent_total: 0 },
      { topped_up_total: 5, granted_total: 0, spent_total: 0, sent_total: 0 },
    ]);
  });

  it('closes an empty wallet too, also one without entries: its amount is 0', async () => {
    const [from, to] = await pair({ bought: 3 });
    const fresh = await newWallet(db, (await assetOf(from)) ?? '');
    await book('wallet_spend', { wallet_id: from, amount: 3 });

    expect(await merge(from, to)).toMatchObject({ amount: '0', balance: '0', seq: '3' });
    expect(await merge(fresh, to)).toMatchObject({ amount: '0', balance: '0', seq: '1' });
    expect((await callAll<object>(db, 'wallet_history', { wallet_id: to })).length).toBe(2);
    await expectSound(db);
  });
  const assetOf = async (wallet: string) =>
    (await db.query<{ asset_code: string }>('select asset_code from ledger.wallets where id = $1', [wallet])).rows[0]
      ?.asset_code;

  it('moves the debt', async () => {
    const [from, to] = await pair({}, { bought: 9 });
    const bought = await book('wallet_top_up', { wallet_id: from, amount: 100 });
    await book('wallet_spend', { wallet_id: from, amount: 100 });
    await book('wallet_reverse', { wallet_id: from, transfer_id: bought.transfer_id, owe: true });

    expect(await merge(from, to)).toMatchObject({ amount: '0', owed: '0' });
    expect(await walletOf(from)).toMatchObject({ owed: '0' });
    expect(await walletOf(to)).toMatchObject({ owed: '100' });
    expect(await book('wallet_collect', { wallet_id: to, amount: 9 })).toMatchObject({ owed: '91' });
    await expectSound(db);
  });

  it('does not merge a frozen wallet (WLFRZ), but into one', async () => {
    const [from, to] = await pair({ bought: 100 });
    await setStatus(db, from, 'frozen');
    expect(await refusal(merge(from, to))).toMatchObject({ code: 'WLFRZ', detail: { wallet_id: from } });
    await call(db, 'wallet_reopen', { wallet_id: from, reason: 'no doubt' });
    await setStatus(db, to, 'frozen');

    expect(await merge(from, to)).toMatchObject({ amount: '100' });
    expect(await walletOf(to)).toMatchObject({ status: 'frozen' });
    await expectSound(db);
  });

  it('counts for no limit of the asset, and may exceed the largest amount', async () => {
    const [from, to] = await pair();
    const asset = await assetOf(from);
    for (let part = 0; part < 3; part += 1)
      await book('wallet_top_up', { wallet_id: from, amount: '1000000000000000' });
    await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend: 1, max_balance: 1, max_daily_bonus: 1 });

    expect(await merge(from, to)).toMatchObject({ amount: '3000000000000000' });
    await expectSound(db);
  });

  it('returns the same receipt for the same key, and names a differing field (WLKEY)', async () => {
    const [from, to] = await pair({ bought: 100 });
    const other = await newWallet(db, (await assetOf(from)) ?? '');
    const idem_key = newKey();
    const first = await merge(from, to, { idem_key });
    await book('wallet_spend', { wallet_id: to, amount: 100 });

    expect(await merge(from, to, { idem_key })).toEqual({ ...first, replayed: true });
    expect(await refusal(merge(from, other, { idem_key }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'to_wallet', first: to, again: other },
    });
    expect(await refusal(merge(from, to, { idem_key, reason: 'another' }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'reason', first: 'two accounts', again: 'another' },
    });
  });

  it('leaves a wallet that replays old keys, and cannot book, open or reopen (WLCLS with merged_into)', async () => {
    const [from, to] = await pair({ bought: 50 });
    const request = { wallet_id: from, amount: 10, idem_key: newKey() };
    const spent = await call(db, 'wallet_spend', request);
    const [{ owner_id, asset_code } = { owner_id: '', asset_code: '' }] = (
      await db.query<{ owner_id: string; asset_code: string }>('select * from ledger.wallets where id = $1', [from])
    ).rows;
    await merge(from, to);
    const refused = { code: 'WLCLS', detail: { wallet_id: from, merged_into: to } };

    expect(await call(db, 'wallet_spend', request)).toEqual({ ...spent, replayed: true });
    for (const asked of [
      book('wallet_top_up', { wallet_id: from, amount: 1 }),
      book('wallet_transfer', { from_wallet: to, to_wallet: from, amount: 1 }),
      book('wallet_reverse', { wallet_id: from, transfer_id: spent.transfer_id }),
      book('wallet_adjust', { wallet_id: from, amount: 1, side: 'credit', reason: 'x' }),
      merge(to, from),
      merge(from, to),
      call<object>(db, 'wallet_open', { owner_id, asset_code }),
      call<object>(db, 'wallet_reopen', { wallet_id: from, reason: 'x' }),
      call<object>(db, 'wallet_freeze', { wallet_id: from, reason: 'x' }),
    ])
      expect(await refusal(asked as Promise<unknown>)).toMatchObject(refused);
    expect(
      await refusal(callAll(db, 'wallet_open_many', { owner_ids: [newOwner(), owner_id], asset_code })),
    ).toMatchObject({ ...refused, detail: { ...refused.detail, index: 1 } });
    expect(await call<object>(db, 'wallet_close', { wallet_id: from, reason: 'x' })).toMatchObject({
      status: 'closed',
    });
    await expectSound(db);
  });

  it('is the only way to set a successor, which cannot be changed even when writing is enabled (42501)', async () => {
    const [from, to] = await pair({ bought: 50 });
    const edit = async (sql: string) => {
      const client = await db.connect();
      await client.query("begin; select set_config('ledger.posting', 'on', true)");
      return (await refusal(client.query(sql, [from]))).code;
    };
    const into = `update ledger.wallets set status = 'closed', merged_into = '${to}' where id = $1`;

    expect(await edit(into)).toBe('42501');
    await merge(from, to);
    for (const sql of [
      "update ledger.wallets set status = 'open' where id = $1",
      'update ledger.wallets set merged_into = null where id = $1',
      'update ledger.wallets set merged_into = id where id = $1',
    ])
      expect(await edit(sql)).toBe('42501');
  });

  it('names the open holds (WLARG), releases expired ones, and merges once all have ended', async () => {
    const [from, to] = await pair({ bought: 50 });
    const holds: Receipt[] = [];
    for (const amount of [5, 6]) holds.push(await book('wallet_hold', { wallet_id: from, amount }));

    expect(await refusal(merge(from, to))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'from_wallet', held_balance: '11', hold_ids: holds.map(({ hold_id }) => hold_id) },
    });
    await book('wallet_release', { wallet_id: from, hold_id: holds[0]?.hold_id });
    await book('wallet_capture', { wallet_id: from, hold_id: holds[1]?.hold_id, amount: 2 });
    expect(await merge(from, to)).toMatchObject({ amount: '48' });
    await expectSound(db);
  });

  it('books in lists what it books alone, and later items of the list find the wallet closed', async () => {
    const [from, to] = await pair({ bought: 50 });
    const item = (wallet_id: string, counterparty_id: string) => ({
      kind: 'merge',
      wallet_id,
      counterparty_id,
      idem_key: newKey(),
      reason: 'two accounts',
    });
    const again = item(from, to);

    const outcomes = await postEach(db, [
      { ...again, amount: 5 },
      { ...again, metadata: { a: 1 } },
      again,
      again,
      { kind: 'spend', wallet_id: from, amount: 1, idem_key: newKey() },
      { kind: 'spend', wallet_id: to, amount: 1, idem_key: newKey() },
    ]);
    expect(outcomes.map(({ receipt, refusal: refused }) => receipt?.replayed ?? refused?.code)).toEqual([
      'WLARG',
      'WLARG',
      false,
      true,
      'WLCLS',
      false,
    ]);
    const [third, fourth] = [
      await newWallet(db, (await assetOf(to)) ?? ''),
      await newWallet(db, (await assetOf(to)) ?? ''),
    ];
    expect(await postBatch(db, [item(to, third), item(third, fourth)])).toMatchObject([
      { amount: '49', balance: '0' },
      { amount: '49', balance: '0' },
    ]);
    await expectSound(db);
  });

  /** Both wallets closed, a key that a spend has used, and a hold that was never ended. */
  async function held(): Promise<[string, string, string]> {
    const [from, to] = await pair({ bought: 50 });
    const idem_key = newKey();
    await call(db, 'wallet_spend', { wallet_id: from, amount: 3, idem_key });
    await book('wallet_hold', { wallet_id: from, amount: 5 });
    return [from, to, idem_key];
  }
  const unknown = (more: object) => () =>
    Promise.resolve({
      from_wallet: UNKNOWN_WALLET,
      to_wallet: UNKNOWN_WALLET,
      idem_key: newKey(),
      reason: 'two accounts',
      ...more,
    });

  const table: RefusalCase[] = [
    {
      code: 'WLARG',
      what: 'no first wallet',
      detail: { argument: 'from_wallet' },
      arrange: unknown({ from_wallet: null, to_wallet: null, idem_key: '', reason: null }),
    },
    {
      code: 'WLARG',
      what: 'no second wallet',
      detail: { argument: 'to_wallet' },
      arrange: unknown({ to_wallet: null, idem_key: '', reason: null }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} of one unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: unknown({ idem_key, reason: null }),
    })),
    ...[null, '', 'x'.repeat(1001)].map((reason) => ({
      code: 'WLARG',
      what: `the reason ${JSON.stringify(reason).slice(0, 20)} of one unknown wallet`,
      detail: { argument: 'reason' },
      arrange: unknown({ reason }),
    })),
    { code: 'WLSLF', what: 'an unknown wallet to itself', detail: { wallet_id: UNKNOWN_WALLET }, arrange: unknown({}) },
    {
      code: 'WLNOW',
      what: 'an unknown wallet to a closed one',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: async () => {
        const [, to] = await pair();
        await setStatus(db, to, 'closed');
        return { ...(await unknown({})()), to_wallet: to };
      },
    },
    {
      code: 'WLAST',
      what: 'wallets of two assets, frozen and closed, with a taken key',
      detail: {},
      arrange: async () => {
        const [[from_wallet, , idem_key], [, to_wallet]] = [await held(), await pair()];
        await setStatus(db, from_wallet, 'frozen');
        await setStatus(db, to_wallet, 'closed');
        return { from_wallet, to_wallet, idem_key, reason: 'two accounts' };
      },
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a frozen wallet',
      detail: { field: 'kind', first: 'spend', again: 'merge' },
      arrange: async () => {
        const [from_wallet, to_wallet, idem_key] = await held();
        await setStatus(db, from_wallet, 'frozen');
        return { from_wallet, to_wallet, idem_key, reason: 'two accounts' };
      },
    },
    {
      code: 'WLFRZ',
      what: 'a frozen wallet with an open hold to a closed one',
      detail: {},
      arrange: async () => {
        const [from_wallet, to_wallet] = await held();
        await setStatus(db, from_wallet, 'frozen');
        await setStatus(db, to_wallet, 'closed');
        return { from_wallet, to_wallet, idem_key: newKey(), reason: 'two accounts' };
      },
    },
    {
      code: 'WLCLS',
      what: 'a wallet with an open hold to a closed one',
      detail: {},
      arrange: async () => {
        const [from_wallet, to_wallet] = await held();
        await setStatus(db, to_wallet, 'closed');
        return { from_wallet, to_wallet, idem_key: newKey(), reason: 'two accounts' };
      },
    },
    {
      code: 'WLARG',
      what: 'an open hold where the balance would be too high',
      detail: { argument: 'from_wallet', held_balance: '5' },
      arrange: async () => {
        const [from_wallet, to_wallet] = await held();
        await forceHead(db, to_wallet, { balance: MAX_BALANCE });
        return { from_wallet, to_wallet, idem_key: newKey(), reason: 'two accounts' };
      },
    },
    ...[MAX_BALANCE, '8999999999999999951'].map((balance) => ({
      code: 'WLLIM',
      what: `50 to a balance of ${balance}`,
      detail: { limit: 'max_balance', max: MAX_BALANCE },
      arrange: async () => {
        const [from_wallet, to_wallet] = await pair({ bought: 50 });
        await forceHead(db, to_wallet, { balance });
        return { from_wallet, to_wallet, idem_key: newKey(), reason: 'two accounts' };
      },
    })),
    {
      code: 'WLLIM',
      what: 'as much as there can be to as much again',
      detail: { limit: 'max_balance', left: '0' },
      arrange: async () => {
        const [from_wallet, to_wallet] = await pair();
        for (const wallet of [from_wallet, to_wallet]) await forceHead(db, wallet, { balance: MAX_BALANCE });
        return { from_wallet, to_wallet, idem_key: newKey(), reason: 'two accounts' };
      },
    },
  ];

  // Last, because these leave unsound wallets.
  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_merge', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  // The ledger is not sound afterwards.
  it('refuses a debt above the maximum (WLLIM), and so does a reversal', async () => {
    const asset = await newAsset(db);
    const [from, to] = [await newWallet(db, asset), await newWallet(db, asset)];
    const bought = await book('wallet_top_up', { wallet_id: to, amount: 100 });
    await book('wallet_spend', { wallet_id: to, amount: 100 });
    await forceHead(db, from, { owed: '8999999999999999990' });
    await forceHead(db, to, { owed: '11', topped_up_total: '100', spent_total: '100' });

    expect(await refusal(merge(from, to))).toMatchObject({
      code: 'WLLIM',
      message: 'limit exceeded: max_owed is 9000000000000000000, 8999999999999999989 left',
      detail: { wallet_id: to, limit: 'max_owed', max: MAX_BALANCE, left: '8999999999999999989' },
    });
    await book('wallet_forgive', { wallet_id: to, amount: 1, reason: 'a gesture' });
    expect(await merge(from, to)).toMatchObject({ amount: '0' });
    const again = { wallet_id: to, transfer_id: bought.transfer_id, owe: true };
    expect(await refusal(book('wallet_reverse', again))).toMatchObject({
      code: 'WLLIM',
      detail: { wallet_id: to, limit: 'max_owed', left: '0' },
    });
  });
});
