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
  partsOf,
  postBatch,
  postEach,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';

const LATE = '2100-06-01T00:00:00Z';

describe('wallet_opening', () => {
  const db = createDatabase();
  const open = (wallet_id: string, amount: number, more: Record<string, unknown> = {}) =>
    call(db, 'wallet_opening', { wallet_id, amount, idem_key: newKey(), ...more });

  it("books a player's credits from another system, including bonus credits, from opening to the wallet", async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    const metadata = { account: '4711', as_of: '2026-11-30' };

    const receipt = await open(wallet, 120, { bonus_amount: 20, metadata });

    expect(receipt).toMatchObject({
      ...{ wallet_id: wallet, seq: '1', kind: 'opening', amount: '120', bonus_amount: '20', balance: '120' },
      ...{ bonus_balance: '20', held_balance: '0', available: '120', hold_id: null, replayed: false },
    });
    expect(await partsOf(db, wallet)).toEqual({ paid: 100, bonus: 20 });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '0', credit: '0' },
      { account: 'promotions', debit: '0', credit: '0' },
      { account: 'revenue', debit: '0', credit: '0' },
      { account: 'breakage', debit: '0', credit: '0' },
      { account: 'opening', debit: '120', credit: '0' },
      { account: 'players', debit: '0', credit: '120' },
    ]);
    const { rows } = await db.query('select kind, metadata, reason from ledger.transfers where id = $1', [
      receipt.transfer_id,
    ]);
    expect(rows).toEqual([{ kind: 'opening', metadata, reason: null }]);
    await expectSound(db);
  });

  it('makes a lot of expiring bonus credits, which are spent first and go to breakage', async () => {
    const asset = await newAsset(db);
    const [spent, left] = [await newWallet(db, asset), await newWallet(db, asset)];
    const expires_at = await inMs(db, 3_600_000);
    const receipts = [];
    for (const wallet of [spent, left]) receipts.push(await open(wallet, 10, { bonus_amount: 4, expires_at }));

    expect(await callAll(db, 'wallet_explain', { wallet_id: spent })).toMatchObject([
      { source: 'expiring_bonus', amount: '4', expires_at, transfer_id: receipts[0]?.transfer_id },
      { source: 'paid', amount: '6' },
    ]);
    await call(db, 'wallet_spend', { wallet_id: spent, amount: 5, idem_key: newKey() });
    await ageTo(db, expires_at);
    await call(db, 'wallet_expire_due', {});

    expect([await partsOf(db, spent), await partsOf(db, left)]).toEqual([{ paid: 5 }, { paid: 6 }]);
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toEqual(
      expect.arrayContaining([{ asset_code: asset, account: 'breakage', debit: '0', credit: '4' }]),
    );
    await expectSound(db);
  });

  it('may consist of bonus credits only', async () => {
    const wallet = await newWallet(db, await someAsset(db));

    await open(wallet, 7, { bonus_amount: 7, expires_at: LATE });

    expect(await partsOf(db, wallet)).toEqual({ 2100: 7 });
    await expectSound(db);
  });

  it('counts as no top-up or bonus, and for no limit of the asset', async () => {
    const asset = await newAsset(db);
    await call<object>(db, 'asset_limit_set', {
      ...{ asset_code: asset, max_balance: 1_000, max_daily_top_up: 10, max_daily_bonus: 5 },
    });
    const wallet_id = await newWallet(db, asset);

    await open(wallet_id, 990, { bonus_amount: 300 });
    await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id, amount: 10, idem_key: newKey() });
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey() });
    await open(await newWallet(db, asset), 5_000, { bonus_amount: 5_000 });

    const { rows } = await db.query(
      'select topped_up_total, granted_total, spent_total, sent_total from ledger.entries where wallet_id = $1 and seq = 1',
      [wallet_id],
    );
    expect(rows).toEqual([{ topped_up_total: '0', granted_total: '0', spent_total: '0', sent_total: '0' }]);
    await expectSound(db);
  });

  it('is booked once per wallet: a second one with another key is refused (WLARG), and names the first', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    const first = await call(db, 'wallet_opening', { wallet_id, amount: 5, idem_key });

    expect(await refusal(open(wallet_id, 5))).toMatchObject({
      code: 'WLARG',
      message: 'invalid argument: wallet_id',
      detail: { argument: 'wallet_id', wallet_id, transfer_id: first.transfer_id, idem_key },
      hint: 'A balance is brought to a wallet once; correct it by wallet_adjust.',
    });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 1, entries: 1 });
  });

  it('is booked once per wallet with concurrent calls', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const pool = db.jobPool(8);
    await db.query('grant execute on function ledger.wallet_opening to wallet_job');

    const answers = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) =>
        call(pool, 'wallet_opening', { wallet_id, amount: n + 1, idem_key: newKey() }),
      ),
    );

    await db.query('revoke execute on function ledger.wallet_opening from wallet_job');
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const codes = answers.map((answer) => answer.status === 'rejected' && (answer.reason as { code: string }).code);
    expect(codes.filter((code) => code === 'WLARG')).toHaveLength(11);
    await expectSound(db);
  });

  it('can be booked in a wallet with movements', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 5, bonus: 2 });

    expect(await open(wallet, 10, { bonus_amount: 3 })).toMatchObject({ seq: '3', balance: '17', bonus_balance: '5' });
    await expectSound(db);
  });

  it('books into a frozen wallet', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await setStatus(db, wallet, 'frozen');

    expect(await open(wallet, 3)).toMatchObject({ balance: '3' });
  });

  it('cannot be reversed (WLREV), but adjusted', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const { transfer_id } = await open(wallet_id, 3);

    expect(await refusal(call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey() }))).toMatchObject({
      code: 'WLREV',
    });
    expect(
      await call(db, 'wallet_adjust', { wallet_id, side: 'debit', amount: 3, idem_key: newKey(), reason: 'in error' }),
    ).toMatchObject({ balance: '0' });
  });

  it('replays the original receipt after other movements and after its expiry', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const request = {
      ...{ wallet_id, amount: 5, bonus_amount: 2, idem_key: newKey(), expires_at: await inMs(db, 3_600_000) },
    };
    const first = await call(db, 'wallet_opening', request);
    await call(db, 'wallet_spend', { wallet_id, amount: 3, idem_key: newKey() });
    [request.expires_at, first.created_at] = await ageTo(db, request.expires_at, first.created_at);

    expect(await call(db, 'wallet_opening', { ...request, metadata: null })).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 2, entries: 2 });
  });

  it('is replayed whether bonus credits were omitted, null or 0', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const request = { wallet_id, amount: 5, idem_key: newKey() };
    const first = await call(db, 'wallet_opening', request);
    const again = { ...first, replayed: true };

    expect(await call(db, 'wallet_opening', { ...request, bonus_amount: 0 })).toEqual(again);
    expect(await call(db, 'wallet_opening', { ...request, bonus_amount: null })).toEqual(again);
    expect(await postEach(db, [{ ...request, kind: 'opening' }])).toEqual([{ receipt: again, refusal: null }]);
  });

  it.each([
    { field: 'amount', other: { amount: 11 }, first: '10', again: '11' },
    { field: 'bonus_amount', other: { bonus_amount: 5 }, first: '4', again: '5' },
    { field: 'bonus_amount', other: { bonus_amount: 0, expires_at: null }, first: '4', again: '0' },
    {
      field: 'expires_at',
      other: { expires_at: '2000-01-01T00:00:00Z' },
      first: '2100-06-01T00:00:00+00:00',
      again: '2000-01-01T00:00:00+00:00',
    },
    { field: 'expires_at', other: { expires_at: null }, first: '2100-06-01T00:00:00+00:00', again: null },
    { field: 'metadata', other: { metadata: {} }, first: '{"n": 1}', again: '{}' },
  ])('names $field where a key comes again with another (WLKEY)', async ({ field, other, first, again }) => {
    const request = {
      ...{ wallet_id: await newWallet(db, await someAsset(db)), amount: 10, bonus_amount: 4, expires_at: LATE },
      ...{ idem_key: newKey(), metadata: { n: 1 } },
    };
    await call(db, 'wallet_opening', request);

    expect(await refusal(call(db, 'wallet_opening', { ...request, ...other }))).toMatchObject({
      code: 'WLKEY',
      detail: { field, first, again },
    });
  });

  it('is an item of a batch and of many calls in one, with the receipts and refusals of its single call', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const item = (wallet_id: string, bonus_amount: number | null) => ({
      ...{ kind: 'opening', wallet_id, amount: 9, bonus_amount, idem_key: newKey() },
      expires_at: bonus_amount ? LATE : null,
    });
    const first = item(one, 4);

    expect(
      await postBatch(db, [first, { kind: 'spend', wallet_id: one, amount: 1, idem_key: newKey() }]),
    ).toMatchObject([
      { balance: '9', bonus_amount: '4' },
      { balance: '8', bonus_amount: '1' },
    ]);
    expect(
      await postEach(db, [item(two, null), item(two, 1), first, { ...first, bonus_amount: 10, idem_key: newKey() }]),
    ).toMatchObject([
      { receipt: { balance: '9', bonus_amount: '0' } },
      { refusal: { code: 'WLARG', detail: { argument: 'wallet_id' } } },
      { receipt: { balance: '9', replayed: true } },
      { refusal: { code: 'WLARG', detail: { argument: 'bonus_amount' } } },
    ]);
    await expectSound(db);
  });
});

describe('wallet_opening, in order of precedence,', () => {
  const db = createDatabase();
  const good = { amount: 2, bonus_amount: 1, expires_at: LATE };
  const PASSED = '2000-01-01T00:00:00Z';

  /** A wallet with an opening at its maximum, and a used key; closed if `closed`. */
  async function hopeless(closed: boolean): Promise<Record<string, unknown>> {
    const wallet_id = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    await call(db, 'wallet_opening', { wallet_id, amount: 1, idem_key });
    await forceHead(db, wallet_id, { balance: MAX_BALANCE });
    if (closed) await setStatus(db, wallet_id, 'closed');
    return { ...good, wallet_id, idem_key };
  }
  /** A wallet without an opening at its maximum. */
  async function full(closed: boolean): Promise<Record<string, unknown>> {
    const wallet_id = await newWallet(db, await someAsset(db));
    await forceHead(db, wallet_id, { balance: MAX_BALANCE });
    if (closed) await setStatus(db, wallet_id, 'closed');
    return { ...good, wallet_id, idem_key: newKey() };
  }
  const nowhere = (more: object) => () =>
    Promise.resolve({ ...good, wallet_id: UNKNOWN_WALLET, idem_key: newKey(), ...more });
  const at = (more: object) => async () => ({ ...(await hopeless(true)), ...more });

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for no wallet, without a key`,
        detail: { amount },
        arrange: nowhere({ wallet_id: null, amount, idem_key: '', bonus_amount: -1, metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for a hopeless wallet`,
        detail: { amount },
        arrange: at({ amount }),
      },
    ]),
    { code: 'WLARG', what: 'no wallet', detail: { argument: 'wallet_id' }, arrange: nowhere({ wallet_id: null }) },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: nowhere({ idem_key }),
    })),
    ...[-1, 3, '9223372036854775807', '-9223372036854775808'].flatMap((bonus_amount) => [
      {
        code: 'WLARG',
        what: `the bonus amount ${bonus_amount} of 2 for an unknown wallet`,
        detail: { argument: 'bonus_amount' },
        arrange: nowhere({ bonus_amount }),
      },
      {
        code: 'WLARG',
        what: `the bonus amount ${bonus_amount} of 2 for a hopeless wallet`,
        detail: { argument: 'bonus_amount' },
        arrange: at({ bonus_amount }),
      },
    ]),
    ...['infinity', '-infinity'].map((expires_at) => ({
      code: 'WLARG',
      what: `the expiry ${expires_at} for a hopeless wallet`,
      detail: { argument: 'expires_at' },
      arrange: at({ expires_at }),
    })),
    ...[0, null].map((bonus_amount) => ({
      code: 'WLARG',
      what: `an expiry of no bonus credits (${bonus_amount ?? 'null'}) for an unknown wallet`,
      detail: { argument: 'expires_at' },
      arrange: nowhere({ bonus_amount }),
    })),
    ...BAD_METADATA.map((metadata) => ({
      code: 'WLARG',
      what: `the metadata ${metadata.slice(0, 10)} for a hopeless wallet`,
      detail: { argument: 'metadata' },
      arrange: at({ metadata }),
    })),
    {
      code: 'WLNOW',
      what: 'an unknown wallet, and an expiry that has passed',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: nowhere({ expires_at: PASSED }),
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed, full, opened wallet, with an expiry that has passed',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: at({ expires_at: PASSED }),
    },
    {
      code: 'WLARG',
      what: 'an expiry that has passed for a closed, full, opened wallet',
      detail: { argument: 'expires_at' },
      arrange: () => at({ idem_key: newKey(), expires_at: PASSED })(),
    },
    {
      code: 'WLARG',
      what: 'a closed, full wallet that has had its opening',
      detail: { argument: 'wallet_id' },
      arrange: () => at({ idem_key: newKey() })(),
    },
    { code: 'WLCLS', what: 'a closed, full wallet', detail: {}, arrange: () => full(true) },
    { code: 'WLLIM', what: 'a full wallet', detail: { max: MAX_BALANCE, left: '0' }, arrange: () => full(false) },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_opening', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(await refusal(call(db, 'wallet_opening', { ...good, wallet_id, amount, idem_key: newKey() }))).toMatchObject(
      { code },
    );
  });
});
