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

const REASON = 'a purchase was booked twice';

describe('wallet_adjust', () => {
  const db = createDatabase();
  const adjust = (wallet_id: string, side: string, amount: number, more: Record<string, unknown> = {}) =>
    call(db, 'wallet_adjust', { wallet_id, side, amount, idem_key: newKey(), reason: REASON, ...more });

  it('grants credits that count as paid, from adjustments to the wallet', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 40, bonus: 5 });

    const receipt = await adjust(wallet, 'credit', 25, { metadata: { ticket: 7 } });

    expect(receipt).toMatchObject({
      ...{ wallet_id: wallet, seq: '3', kind: 'adjustment', amount: '25', bonus_amount: '0' },
      ...{ balance: '70', bonus_balance: '5', held_balance: '0', available: '70', hold_id: null, replayed: false },
    });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toEqual(
      expect.arrayContaining([
        { asset_code: asset, account: 'adjustments', debit: '25', credit: '0' },
        { asset_code: asset, account: 'players', debit: '0', credit: '70' },
      ]),
    );
    const { rows } = await db.query(
      'select kind, reason, metadata, debit_wallet_id, credit_wallet_id, linked_seq from ledger.transfers where id = $1',
      [receipt.transfer_id],
    );
    expect(rows).toEqual([
      {
        ...{ kind: 'adjustment', reason: REASON, metadata: { ticket: 7, reason: REASON }, debit_wallet_id: null },
        ...{ credit_wallet_id: wallet, linked_seq: null },
      },
    ]);
    await expectSound(db);
  });

  it('takes credits in the order of a spend: bonus credits first, the earliest expiry first', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 40, bonus: 5 });
    const grant = (amount: number, expires_at: string) =>
      call(db, 'wallet_bonus', { wallet_id, amount, expires_at, idem_key: newKey() });
    await grant(10, '2101-06-01Z');
    await grant(8, '2100-06-01Z');

    const receipt = await adjust(wallet_id, 'debit', 15);
    const rest = await adjust(wallet_id, 'debit', 10);

    expect(receipt).toMatchObject({ seq: '5', amount: '15', bonus_amount: '15', balance: '48', bonus_balance: '8' });
    expect(rest).toMatchObject({ amount: '10', bonus_amount: '8', balance: '38', bonus_balance: '0' });
    expect(await partsOf(db, wallet_id)).toEqual({ paid: 38 });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toEqual(
      expect.arrayContaining([{ asset_code: asset, account: 'adjustments', debit: '0', credit: '25' }]),
    );
    await expectSound(db);
  });

  it('counts as no top-up, bonus, spend or transfer, and for no limit of the asset', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 10 });
    await call<object>(db, 'asset_limit_set', {
      ...{ asset_code: asset, max_spend: 1, max_balance: 10, max_daily_top_up: 10 },
      ...{ max_daily_bonus: 0, max_daily_spend: 1 },
    });

    await adjust(wallet, 'credit', 100);
    await adjust(wallet, 'debit', 60);

    const { rows } = await db.query(
      'select topped_up_total, granted_total, spent_total, sent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [wallet],
    );
    expect(rows).toEqual([{ topped_up_total: '10', granted_total: '0', spent_total: '0', sent_total: '0' }]);
    expect(await refusal(adjust(wallet, 'debit', 51))).toMatchObject({ code: 'WLFND', detail: { available: '50' } });
    await expectSound(db);
  });

  it('takes no reserved credits (WLFND), and none of their lots', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    await call(db, 'wallet_bonus', { wallet_id, amount: 6, expires_at: '2100-06-01Z', idem_key: newKey() });
    await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });

    expect(await refusal(adjust(wallet_id, 'debit', 13))).toMatchObject({
      code: 'WLFND',
      detail: { available: '12', requested: '13' },
    });
    expect(await adjust(wallet_id, 'debit', 12)).toMatchObject({ bonus_amount: '2', balance: '4', available: '0' });
    expect(await partsOf(db, wallet_id)).toEqual({ '2100 held': 4 });
    await expectSound(db);
  });

  it('books expiries first, and takes no expired credits (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 1 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, expires_at, idem_key: newKey() });
    await ageTo(db, expires_at);

    expect(await refusal(adjust(wallet_id, 'debit', 2))).toMatchObject({ code: 'WLFND', detail: { available: '1' } });
    expect(await adjust(wallet_id, 'debit', 1)).toMatchObject({ seq: '4', balance: '0', bonus_amount: '0' });
    await expectSound(db);
  });

  it.each(['credit', 'debit'])('books a %s in a frozen wallet, and none in a closed one (WLCLS)', async (side) => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 5 });
    await setStatus(db, wallet, 'frozen');
    expect(await adjust(wallet, side, 5)).toMatchObject({ balance: side === 'credit' ? '10' : '0' });

    await setStatus(db, wallet, 'closed');
    expect(await refusal(adjust(wallet, side, 1))).toMatchObject({ code: 'WLCLS' });
    await expectSound(db);
  });

  it.each(['credit', 'debit'])('books a %s that cannot be reversed (WLREV)', async (side) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const { transfer_id } = await adjust(wallet_id, side, 2);

    expect(await refusal(call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey() }))).toMatchObject({
      code: 'WLREV',
      message: 'not reversible: a adjustment',
    });
  });

  it('replays the original receipt after other movements', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const request = { wallet_id, side: 'debit', amount: 2, idem_key: newKey(), reason: REASON };
    const first = await call(db, 'wallet_adjust', request);
    await call(db, 'wallet_spend', { wallet_id, amount: 3, idem_key: newKey() });
    await setStatus(db, wallet_id, 'closed');

    expect(await call(db, 'wallet_adjust', { ...request, metadata: null })).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 3, entries: 3 });
  });

  it('books one transfer for concurrent calls with one key', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 50 });
    const pool = db.jobPool(8);
    await db.query('grant execute on function ledger.wallet_adjust to wallet_job');
    const request = { wallet_id, side: 'debit', amount: 10, idem_key: newKey(), reason: REASON };

    const receipts = await Promise.all(Array.from({ length: 16 }, () => call(pool, 'wallet_adjust', request)));

    await db.query('revoke execute on function ledger.wallet_adjust from wallet_job');
    const first = receipts.find((receipt) => !receipt.replayed);
    expect(receipts.filter((receipt) => receipt.replayed)).toEqual(Array(15).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 2, entries: 2 });
  });

  it.each([
    { field: 'side', other: { side: 'debit' }, first: 'credit', again: 'debit' },
    { field: 'amount', other: { amount: 11 }, first: '10', again: '11' },
    { field: 'reason', other: { reason: 'another' }, first: REASON, again: 'another' },
    { field: 'metadata', other: { metadata: { n: 2 } }, first: '{"n": 1}', again: '{"n": 2}' },
    { field: 'side', other: { side: 'debit', amount: 1, reason: 'x', metadata: {} }, first: 'credit', again: 'debit' },
  ])('names $field where a key comes again with another (WLKEY)', async ({ field, other, first, again }) => {
    const request = {
      ...{ wallet_id: await newWallet(db, await someAsset(db), { bought: 50 }), side: 'credit', amount: 10 },
      ...{ idem_key: newKey(), reason: REASON, metadata: { n: 1 } },
    };
    await call(db, 'wallet_adjust', request);

    expect(await refusal(call(db, 'wallet_adjust', { ...request, ...other }))).toMatchObject({
      code: 'WLKEY',
      detail: { field, first, again },
    });
  });

  it('is an item of a batch and of many calls in one, with the receipts and refusals of its single call', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const item = (side: string, amount: number) => ({
      ...{ kind: 'adjustment', wallet_id, side, amount, idem_key: newKey(), reason: REASON },
    });
    const [top_up, given, taken, more] = [
      { kind: 'top_up', wallet_id, amount: 1, idem_key: newKey() },
      item('credit', 4),
      item('debit', 9),
      item('debit', 2),
    ];

    expect(await postBatch(db, [top_up, given, taken])).toMatchObject([
      { balance: '6' },
      { kind: 'adjustment', balance: '10' },
      { kind: 'adjustment', balance: '1' },
    ]);
    expect(await postEach(db, [more, given, { ...given, reason: 'x' }, { ...top_up, reason: 'x' }])).toMatchObject([
      { refusal: { code: 'WLFND', detail: { available: '1', requested: '2' } } },
      { receipt: { balance: '10', replayed: true } },
      { refusal: { code: 'WLKEY', detail: { field: 'reason', first: REASON, again: 'x' } } },
      { refusal: { code: 'WLARG', detail: { argument: 'reason' } } },
    ]);
    expect(await refusal(postBatch(db, [top_up, more]))).toMatchObject({ code: 'WLFND', detail: { index: 1 } });
    await expectSound(db);
  });
});

describe('wallet_adjust, in order of precedence,', () => {
  const db = createDatabase();
  const good = { side: 'debit', amount: 2, reason: REASON };

  /** An empty wallet with a used key; closed if `closed`. */
  async function hopeless(closed: boolean): Promise<Record<string, unknown>> {
    const wallet_id = await newWallet(db, await someAsset(db));
    const idem_key = newKey();
    await call(db, 'wallet_adjust', { wallet_id, side: 'credit', amount: 1, reason: REASON, idem_key });
    if (closed) await setStatus(db, wallet_id, 'closed');
    return { ...good, wallet_id, idem_key };
  }
  const nowhere = (more: object) => () =>
    Promise.resolve({ ...good, wallet_id: UNKNOWN_WALLET, idem_key: newKey(), ...more });
  const at = (closed: boolean, more: object) => async () => ({ ...(await hopeless(closed)), ...more });

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for no wallet, without a key, a side or a reason`,
        detail: { amount },
        arrange: nowhere({ wallet_id: null, amount, idem_key: '', side: null, reason: null, metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for a hopeless wallet`,
        detail: { amount },
        arrange: at(true, { amount }),
      },
    ]),
    { code: 'WLARG', what: 'no wallet', detail: { argument: 'wallet_id' }, arrange: nowhere({ wallet_id: null }) },
    {
      code: 'WLARG',
      what: 'no side for an unknown wallet',
      detail: { argument: 'side' },
      arrange: nowhere({ side: null }),
    },
    {
      code: 'WLARG',
      what: 'no side for a hopeless wallet',
      detail: { argument: 'side' },
      arrange: at(true, { side: null }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: nowhere({ idem_key }),
    })),
    ...[null, '', 'x'.repeat(1001)].flatMap((reason) => [
      {
        code: 'WLARG',
        what: `the reason ${JSON.stringify(reason).slice(0, 10)} for an unknown wallet`,
        detail: { argument: 'reason' },
        arrange: nowhere({ reason }),
      },
      {
        code: 'WLARG',
        what: `the reason ${JSON.stringify(reason).slice(0, 10)} for a hopeless wallet`,
        detail: { argument: 'reason' },
        arrange: at(true, { reason }),
      },
    ]),
    ...[...BAD_METADATA, '{"reason": "x"}'].map((metadata) => ({
      code: 'WLARG',
      what: `the metadata ${metadata.slice(0, 10)} for a hopeless wallet`,
      detail: { argument: 'metadata' },
      arrange: at(true, { metadata }),
    })),
    { code: 'WLNOW', what: 'an unknown wallet', detail: { wallet_id: UNKNOWN_WALLET }, arrange: nowhere({}) },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed, poor wallet',
      detail: { field: 'side', first: 'credit', again: 'debit' },
      arrange: at(true, {}),
    },
    {
      code: 'WLCLS',
      what: 'a closed, poor wallet',
      detail: {},
      arrange: async () => at(true, { idem_key: newKey() })(),
    },
    {
      code: 'WLFND',
      what: 'a poor wallet',
      detail: { available: '1', requested: '2' },
      arrange: async () => at(false, { idem_key: newKey() })(),
    },
    {
      code: 'WLLIM',
      what: 'a full wallet',
      detail: { max: MAX_BALANCE, left: '0' },
      arrange: async () => {
        const wallet_id = await newWallet(db, await someAsset(db));
        await forceHead(db, wallet_id, { balance: MAX_BALANCE });
        return { ...good, wallet_id, side: 'credit', idem_key: newKey() };
      },
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_adjust', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(await refusal(call(db, 'wallet_adjust', { ...good, wallet_id, amount, idem_key: newKey() }))).toMatchObject({
      code,
    });
  });

  it('refuses another side (22P02)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(
      await refusal(call(db, 'wallet_adjust', { ...good, wallet_id, side: 'both', idem_key: newKey() })),
    ).toMatchObject({ code: '22P02' });
  });
});
