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

describe('wallet_spend', () => {
  const db = createDatabase();

  it('books from the wallet to revenue', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 40 });

    const receipt = await call(db, 'wallet_spend', {
      wallet_id: wallet,
      amount: 15,
      idem_key: newKey(),
      metadata: { item: 'hat' },
    });

    expect(receipt).toMatchObject({
      wallet_id: wallet,
      seq: '2',
      kind: 'spend',
      amount: '15',
      bonus_amount: '0',
      balance: '25',
      bonus_balance: '0',
      held_balance: '0',
      available: '25',
      hold_id: null,
      replayed: false,
    });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '40' },
      { account: 'promotions' },
      { account: 'revenue', credit: '15' },
      { account: 'breakage' },
      { account: 'players', credit: '25' },
    ]);
    await expectSound(db);
  });

  it.each([
    { bought: 10, bonus: 5, spent: 3, bonus_amount: '3', balance: '12', bonus_balance: '2' },
    { bought: 10, bonus: 5, spent: 5, bonus_amount: '5', balance: '10', bonus_balance: '0' },
    { bought: 10, bonus: 5, spent: 8, bonus_amount: '5', balance: '7', bonus_balance: '0' },
    { bought: 10, bonus: 5, spent: 15, bonus_amount: '5', balance: '0', bonus_balance: '0' },
    { bought: 0, bonus: 5, spent: 5, bonus_amount: '5', balance: '0', bonus_balance: '0' },
  ])(
    'takes bonus credits first: $spent of $bought bought and $bonus granted',
    async ({ bought, bonus, spent, ...left }) => {
      const wallet = await newWallet(db, await someAsset(db), { bought, bonus });

      const receipt = await call(db, 'wallet_spend', { wallet_id: wallet, amount: spent, idem_key: newKey() });

      expect(receipt).toMatchObject({ amount: String(spent), ...left });
      await expectSound(db);
    },
  );

  it('counts all spent credits, including bonus credits', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });

    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 8, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });

    const { rows } = await db.query(
      'select topped_up_total, granted_total, spent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [wallet],
    );
    expect(rows).toEqual([{ topped_up_total: '10', granted_total: '5', spent_total: '9' }]);
  });

  it('replays the original receipt after other movements, for a wallet that is empty and frozen now', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10, bonus: 2 });
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey(), metadata: { item: 'hat' } };
    const first = await call(db, 'wallet_spend', request);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 2, idem_key: newKey() });
    await setStatus(db, wallet, 'frozen');

    const again = await call(db, 'wallet_spend', request);

    expect(first).toMatchObject({ balance: '2', bonus_amount: '2', replayed: false });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 4, entries: 4 });
  });

  it('books one transfer for concurrent calls with one key', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const pool = db.jobPool(16);
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey() };

    const receipts = await Promise.all(Array.from({ length: 32 }, () => call(pool, 'wallet_spend', request)));

    const first = receipts.find((receipt) => !receipt.replayed);
    expect(receipts.filter((receipt) => receipt.replayed)).toEqual(Array(31).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 2, entries: 2 });
  });

  it.each([
    { field: 'amount', other: { amount: 11 }, first: '10', again: '11' },
    { field: 'metadata', other: { metadata: { item: 'cap' } }, first: '{"item": "hat"}', again: '{"item": "cap"}' },
    { field: 'amount', other: { amount: 99, metadata: {} }, first: '10', again: '99' },
  ])('names $field where a key comes again with another (WLKEY)', async ({ field, other, first, again }) => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey(), metadata: { item: 'hat' } };
    await call(db, 'wallet_spend', request);

    expect(await refusal(call(db, 'wallet_spend', { ...request, ...other }))).toMatchObject({
      code: 'WLKEY',
      detail: { field, first, again },
    });
  });

  it('names the kind if another function reuses the key (WLKEY)', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const request = { wallet_id: wallet, amount: 10, idem_key: newKey() };
    await call(db, 'wallet_top_up', request);

    expect(await refusal(call(db, 'wallet_spend', request))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'kind', first: 'top_up', again: 'spend' },
    });
  });
});

describe('wallet_spend of credits that expire', () => {
  const db = createDatabase();
  const HOUR_MS = 3_600_000;
  const grant = (wallet_id: string, amount: number, expires_at?: string) =>
    call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
  const spend = (wallet_id: string, amount: number) =>
    call(db, 'wallet_spend', { wallet_id, amount, idem_key: newKey() });

  it.each([
    { spent: 3, left: ['early 2', 'late 7', 'bonus 11', 'paid 13'] },
    { spent: 5, left: ['late 7', 'bonus 11', 'paid 13'] },
    { spent: 6, left: ['late 6', 'bonus 11', 'paid 13'] },
    { spent: 12, left: ['bonus 11', 'paid 13'] },
    { spent: 20, left: ['bonus 3', 'paid 13'] },
    { spent: 23, left: ['paid 13'] },
    { spent: 35, left: ['paid 1'] },
    { spent: 36, left: [] },
  ])(
    'takes the earliest expiry first, then bonus credits without one, then paid ones: $spent',
    async ({ spent, left }) => {
      const wallet_id = await newWallet(db, await someAsset(db), { bought: 13, bonus: 11 });
      const [early, late] = [await inMs(db, HOUR_MS), await inMs(db, 2 * HOUR_MS)];
      await grant(wallet_id, 7, late);
      await grant(wallet_id, 5, early);

      const receipt = await spend(wallet_id, spent);

      expect(receipt).toMatchObject({ bonus_amount: String(Math.min(spent, 23)), balance: String(36 - spent) });
      const parts = await callAll<{ source: string; amount: string; expires_at: string }>(db, 'wallet_explain', {
        wallet_id,
      });
      expect(
        parts.map(({ source, amount, expires_at }) => {
          const name = source === 'expiring_bonus' ? (expires_at === early ? 'early' : 'late') : source;
          return `${name} ${amount}`;
        }),
      ).toEqual(left);
      await expectSound(db);
    },
  );

  it('takes the same lots in many small spends', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 2, bonus: 2 });
    for (const hours of [3, 1, 2]) await grant(wallet_id, 2, await inMs(db, hours * HOUR_MS));

    const bonus: string[] = [];
    for (let left = 10; left > 0; left -= 1) bonus.push((await spend(wallet_id, 1)).bonus_amount);

    expect(bonus).toEqual([...Array<string>(8).fill('1'), '0', '0']);
    const { rows } = await db.query(
      `select d.lot_seq from ledger.bonus_lot_draws d where d.wallet_id = $1 order by d.seq`,
      [wallet_id],
    );
    expect(rows.map(({ lot_seq }: { lot_seq?: string }) => lot_seq)).toEqual(['4', '4', '5', '5', '3', '3']);
    await expectSound(db);
  });

  it('takes no credits of lots that a hold reserves', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const [early, late] = [await inMs(db, HOUR_MS), await inMs(db, 2 * HOUR_MS)];
    await grant(wallet_id, 5, early);
    await grant(wallet_id, 5, late);
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });

    await spend(wallet_id, 3);

    expect(await callAll(db, 'wallet_explain', { wallet_id })).toMatchObject([
      { source: 'expiring_bonus', amount: '3', expires_at: late, hold_id: null },
      { source: 'paid', amount: '5' },
      { source: 'expiring_bonus', amount: '4', expires_at: early, hold_id },
    ]);
    await expectSound(db);
  });

  it('takes no expired credits, even before the sweep (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet_id, 10, expires_at);
    await ageTo(db, expires_at);

    const refused = await refusal(spend(wallet_id, 6));

    expect(refused).toMatchObject({ code: 'WLFND', detail: { available: '5', requested: '6' } });
    // A refusal books nothing, and so no expiry either.
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 2, entries: 2 });
    expect(await spend(wallet_id, 5)).toMatchObject({ seq: '4', bonus_amount: '0', balance: '0' });
    await expectSound(db);
  });

  it('is replayed after an expiry', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet_id, 10, expires_at);
    const request = { wallet_id, amount: 4, idem_key: newKey() };
    const first = await call(db, 'wallet_spend', request);
    [, first.created_at] = await ageTo(db, expires_at, first.created_at);
    await call(db, 'wallet_expire_due', {});

    expect(await call(db, 'wallet_spend', request)).toEqual({ ...first, replayed: true });
    expect(first).toMatchObject({ balance: '11', bonus_balance: '6' });
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '5', bonus_balance: '0' });
    await expectSound(db);
  });
});

describe('wallet_spend, in order of precedence,', () => {
  const db = createDatabase();

  /** An empty wallet with a used key; optionally at its lifetime maximum, and with another status. */
  async function hopeless(
    status: 'open' | 'frozen' | 'closed',
    spent_total = MAX_BALANCE,
  ): Promise<{ wallet_id: string; idem_key: string }> {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 1 });
    const idem_key = newKey();
    await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key });
    await forceHead(db, wallet_id, { spent_total });
    if (status !== 'open') await setStatus(db, wallet_id, status);
    return { wallet_id, idem_key };
  }

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for no wallet, without a key`,
        detail: { amount },
        arrange: () => Promise.resolve({ wallet_id: null, amount, idem_key: '', metadata: '[]' }),
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
      what: 'an unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey() }),
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed, empty wallet at its limit',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: async () => ({ ...(await hopeless('closed')), amount: 2 }),
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a frozen, empty wallet at its limit',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: async () => ({ ...(await hopeless('frozen')), amount: 2 }),
    },
    {
      code: 'WLCLS',
      what: 'a closed, empty wallet at its limit',
      detail: {},
      arrange: async () => ({ ...(await hopeless('closed')), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLFRZ',
      what: 'a frozen, empty wallet at its limit',
      detail: {},
      arrange: async () => ({ ...(await hopeless('frozen')), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'an empty wallet at its limit',
      detail: { max: MAX_BALANCE, left: '0' },
      arrange: async () => ({ ...(await hopeless('open')), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'an empty wallet',
      detail: { available: '0', requested: '2' },
      arrange: async () => ({ ...(await hopeless('open', '1')), amount: 2, idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'a wallet that never held anything',
      detail: { available: '0', requested: '1000000000000000' },
      arrange: async () => ({
        wallet_id: await newWallet(db, await someAsset(db)),
        amount: '1000000000000000',
        idem_key: newKey(),
      }),
    },
    {
      code: 'WLFND',
      what: 'one more than bought and bonus credits together',
      detail: { available: '15', requested: '16' },
      arrange: async () => ({
        wallet_id: await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 }),
        amount: 16,
        idem_key: newKey(),
      }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_spend', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });

    expect(await refusal(call(db, 'wallet_spend', { wallet_id, amount, idem_key: newKey() }))).toMatchObject({ code });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 1, entries: 1 });
  });

  it('takes no held credits (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });

    expect(await refusal(call(db, 'wallet_spend', { wallet_id, amount: 7, idem_key: newKey() }))).toMatchObject({
      code: 'WLFND',
      message: 'insufficient funds: 6 available, 7 requested',
      detail: { wallet_id, available: '6', requested: '7' },
    });
    expect(await call(db, 'wallet_spend', { wallet_id, amount: 6, idem_key: newKey() })).toMatchObject({
      balance: '4',
      held_balance: '4',
      available: '0',
    });
  });
});
