import { randomUUID } from 'node:crypto';
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
  type Session,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';

/** A wallet with a hold of some of its credits. */
async function withHold(
  db: Session,
  asset: string,
  has: { bought?: number; bonus?: number; held: number; expires_at?: string },
): Promise<{ wallet_id: string; hold_id: string | null }> {
  const wallet_id = await newWallet(db, asset, has);
  const hold = { wallet_id, amount: has.held, idem_key: newKey(), expires_at: has.expires_at };
  return { wallet_id, hold_id: (await call(db, 'wallet_hold', hold)).hold_id };
}

describe('wallet_capture', () => {
  const db = createDatabase();

  it('spends what was held and releases nothing else', async () => {
    const asset = await newAsset(db);
    const { wallet_id, hold_id } = await withHold(db, asset, { bought: 40, held: 15 });

    const receipt = await call(db, 'wallet_capture', {
      wallet_id,
      hold_id,
      idem_key: newKey(),
      metadata: { item: 'hat' },
    });

    expect(receipt).toMatchObject({
      wallet_id,
      seq: '3',
      kind: 'capture',
      amount: '15',
      bonus_amount: '0',
      balance: '25',
      bonus_balance: '0',
      held_balance: '0',
      available: '25',
      hold_id,
      replayed: false,
    });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '40' },
      { account: 'promotions', debit: '0' },
      { account: 'revenue', credit: '15' },
      { account: 'breakage', credit: '0' },
      { account: 'players', credit: '25' },
    ]);
    await expectSound(db);
  });

  it.each([
    { bought: 10, bonus: 5, held: 12, amount: 3, bonus_amount: '3', balance: '12', bonus_balance: '2' },
    { bought: 10, bonus: 5, held: 12, amount: 5, bonus_amount: '5', balance: '10', bonus_balance: '0' },
    { bought: 10, bonus: 5, held: 12, amount: 8, bonus_amount: '5', balance: '7', bonus_balance: '0' },
    { bought: 10, bonus: 5, held: 3, amount: 2, bonus_amount: '2', balance: '13', bonus_balance: '3' },
    { bought: 10, bonus: 0, held: 10, amount: 1, bonus_amount: '0', balance: '9', bonus_balance: '0' },
  ])(
    'of a part spends bonus credits first and frees the rest in the same entry: $amount of $held',
    async ({ bought, bonus, held, amount, ...left }) => {
      const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought, bonus, held });

      const receipt = await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount });

      expect(receipt).toMatchObject({ ...left, held_balance: '0', available: left.balance });
      await expectSound(db);
    },
  );

  it('takes the bonus credits of the hold, not those granted later', async () => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, held: 8 });
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey() });

    expect(await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() })).toMatchObject({
      bonus_amount: '0',
      balance: '7',
      bonus_balance: '5',
    });
    await expectSound(db);
  });

  it("takes from the hold's lots the earliest expiry first, and releases the others", async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const [early, late] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    for (const expires_at of [late, early])
      await call(db, 'wallet_bonus', { wallet_id, amount: 10, idem_key: newKey(), expires_at });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 16, idem_key: newKey() });

    await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 12 });

    expect(await callAll(db, 'wallet_explain', { wallet_id })).toMatchObject([
      { source: 'expiring_bonus', amount: '8', available: '8', expires_at: late, hold_id: null },
    ]);
    await expectSound(db);
  });

  it('counts as spent', async () => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, bonus: 5, held: 12 });

    await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 8 });

    const { rows } = await db.query(
      'select topped_up_total, granted_total, spent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [wallet_id],
    );
    expect(rows).toEqual([{ topped_up_total: '10', granted_total: '5', spent_total: '8' }]);
  });

  it('leaves other holds of the wallet unchanged', async () => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, bonus: 5, held: 6 });
    const other = await call(db, 'wallet_hold', { wallet_id, amount: 6, idem_key: newKey() });

    const first = await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 1 });
    const second = await call(db, 'wallet_capture', { wallet_id, hold_id: other.hold_id, idem_key: newKey() });

    expect(first).toMatchObject({ balance: '14', bonus_balance: '4', held_balance: '6', available: '8' });
    expect(second).toMatchObject({ balance: '8', bonus_balance: '4', held_balance: '0', available: '8' });
    await expectSound(db);
  });

  it('is replayed, also without an amount, after the wallet was emptied and frozen', async () => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, bonus: 2, held: 8 });
    const request = { wallet_id, hold_id, idem_key: newKey(), metadata: { item: 'hat' } };
    const first = await call(db, 'wallet_capture', request);
    await call(db, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() });
    await setStatus(db, wallet_id, 'frozen');

    const again = await call(db, 'wallet_capture', request);

    expect(first).toMatchObject({ balance: '4', amount: '8' });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await call(db, 'wallet_capture', { ...request, amount: null })).toEqual(again);
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 5, entries: 5 });
    await expectSound(db);
  });

  it.each([
    { field: 'amount', asked: { amount: null }, other: { amount: 8 }, first: null, again: '8' },
    { field: 'amount', asked: { amount: 8 }, other: { amount: null }, first: '8', again: null },
    { field: 'amount', asked: { amount: 7 }, other: { amount: 8 }, first: '7', again: '8' },
    { field: 'metadata', asked: {}, other: { metadata: {} }, first: '{"item": "hat"}', again: '{}' },
  ])('names $field where a key comes again with another (WLKEY)', async ({ field, asked, other, first, again }) => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, held: 8 });
    const request = { wallet_id, hold_id, idem_key: newKey(), metadata: { item: 'hat' }, ...asked };
    await call(db, 'wallet_capture', request);

    expect(await refusal(call(db, 'wallet_capture', { ...request, ...other }))).toMatchObject({
      code: 'WLKEY',
      detail: { field, first, again },
    });
  });

  it('names hold_id or kind if another hold or function reuses the key (WLKEY)', async () => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, held: 4 });
    const other = await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });
    const request = { wallet_id, hold_id, idem_key: newKey() };
    await call(db, 'wallet_capture', request);

    expect(await refusal(call(db, 'wallet_capture', { ...request, hold_id: other.hold_id }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'hold_id', first: hold_id, again: other.hold_id },
    });
    expect(await refusal(call(db, 'wallet_release', request))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'kind', first: 'capture', again: 'release' },
    });
  });

  it('refuses more than the hold reserved, whatever is available (WLFND), and the hold stays open', async () => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 100, held: 8 });

    expect(
      await refusal(call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 9 })),
    ).toMatchObject({ code: 'WLFND', detail: { wallet_id, hold_id, available: '8', requested: '9' } });
    expect(await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 8 })).toMatchObject({
      balance: '92',
    });
  });

  it.each([
    { status: 'captured', close: 'wallet_capture' },
    { status: 'released', close: 'wallet_release' },
  ])('refuses a hold that has been $status, and names by what (WLHLD)', async ({ status, close }) => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, held: 8 });
    const { transfer_id } = await call(db, close, { wallet_id, hold_id, idem_key: newKey() });

    expect(await refusal(call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() }))).toMatchObject({
      code: 'WLHLD',
      detail: { wallet_id, hold_id, status, transfer_id },
    });
    await expectSound(db);
  });

  it('refuses a hold from its expiry on, booked or not (WLHLD), and replays an earlier capture', async () => {
    const expires_at = await inMs(db, 3_600_000);
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 10, held: 8, expires_at });
    const captured = await withHold(db, await someAsset(db), { bought: 10, held: 8, expires_at });
    const request = { ...captured, idem_key: newKey() };
    const first = await call(db, 'wallet_capture', request);
    [, first.created_at] = await ageTo(db, expires_at, first.created_at);

    const unbooked = await refusal(call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() }));
    await call(db, 'wallet_expire_due', {});
    const booked = await refusal(call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() }));

    expect(unbooked).toMatchObject({ code: 'WLHLD', detail: { status: 'expired' } });
    expect(booked).toMatchObject({ code: 'WLHLD', detail: { status: 'expired' } });
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '10', available: '10' });
    expect(await call(db, 'wallet_capture', request)).toEqual({ ...first, replayed: true });
    await expectSound(db);
  });
});

describe('wallet_capture, in order of precedence,', () => {
  const db = createDatabase();

  let limited: Promise<string> | undefined;
  const limitedAsset = () =>
    (limited ??= newAsset(db).then(async (asset_code) => {
      await call(db, 'asset_limit_set', { asset_code, max_spend: 1 });
      return asset_code;
    }));

  interface Hopeless {
    status?: 'open' | 'frozen' | 'closed';
    captured?: boolean;
    limited?: boolean;
  }

  /** A captured hold in an asset with a spend limit of 1; the key belongs to another capture. */
  async function hopeless({ status = 'open', captured = true, limited = true }: Hopeless): Promise<{
    wallet_id: string;
    hold_id: string | null;
    idem_key: string;
  }> {
    const asset = await (limited ? limitedAsset() : someAsset(db));
    const idem_key = newKey();
    const { wallet_id, hold_id } = await withHold(db, asset, { bought: 5, held: 2 });
    const other = await call(db, 'wallet_hold', { wallet_id, amount: 2, idem_key: newKey() });
    await call(db, 'wallet_capture', { wallet_id, hold_id: other.hold_id, idem_key, amount: 1 });
    if (captured) await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 1 });
    if (status !== 'open') await setStatus(db, wallet_id, status);
    return { wallet_id, hold_id, idem_key };
  }

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.filter((amount) => amount !== null).flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount} for no wallet and no hold, without a key`,
        detail: { amount },
        arrange: () => Promise.resolve({ wallet_id: null, hold_id: null, amount, idem_key: '', metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount} for a hopeless hold`,
        detail: { amount },
        arrange: async () => ({ ...(await hopeless({ status: 'frozen' })), amount, metadata: null }),
      },
    ]),
    {
      code: 'WLARG',
      what: 'no wallet',
      detail: { argument: 'wallet_id' },
      arrange: () => Promise.resolve({ wallet_id: null, hold_id: randomUUID(), idem_key: newKey() }),
    },
    {
      code: 'WLARG',
      what: 'no hold of an unknown wallet',
      detail: { argument: 'hold_id' },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: null, idem_key: newKey() }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: randomUUID(), idem_key }),
    })),
    ...BAD_METADATA.flatMap((metadata) => [
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet`,
        detail: { argument: 'metadata' },
        arrange: () =>
          Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: randomUUID(), idem_key: newKey(), metadata }),
      },
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for a hopeless hold`,
        detail: { argument: 'metadata' },
        arrange: async () => ({ ...(await hopeless({ status: 'closed' })), amount: 3, metadata }),
      },
    ]),
    {
      code: 'WLNOW',
      what: 'an unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, hold_id: randomUUID(), idem_key: newKey() }),
    },
    {
      code: 'WLNOH',
      what: 'an unknown hold with a taken key of a frozen wallet',
      detail: { hold_id: UNKNOWN_WALLET },
      arrange: async () => ({ ...(await hopeless({ status: 'frozen' })), hold_id: UNKNOWN_WALLET, amount: 3 }),
    },
    {
      code: 'WLNOH',
      what: "another wallet's hold",
      detail: {},
      arrange: async () => ({
        ...(await hopeless({ status: 'frozen' })),
        hold_id: (await withHold(db, await someAsset(db), { bought: 2, held: 2 })).hold_id,
      }),
    },
    {
      code: 'WLNOH',
      what: 'a transfer of the wallet that is no hold',
      detail: {},
      arrange: async () => {
        const wallet_id = await newWallet(db, await someAsset(db));
        const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
        return { wallet_id, hold_id: transfer_id, idem_key: newKey() };
      },
    },
    {
      code: 'WLKEY',
      what: 'a taken key for a hopeless hold of a closed wallet',
      detail: { field: 'hold_id' },
      arrange: async () => ({ ...(await hopeless({ status: 'closed' })), amount: 3 }),
    },
    {
      code: 'WLFRZ',
      what: 'a hopeless hold of a frozen wallet',
      detail: {},
      arrange: async () => ({ ...(await hopeless({ status: 'frozen' })), amount: 3, idem_key: newKey() }),
    },
    {
      code: 'WLCLS',
      what: 'a hopeless hold of a closed wallet',
      detail: {},
      arrange: async () => ({ ...(await hopeless({ status: 'closed' })), amount: 3, idem_key: newKey() }),
    },
    {
      code: 'WLHLD',
      what: 'more than a captured hold reserved, and than a spend may be',
      detail: { status: 'captured' },
      arrange: async () => ({ ...(await hopeless({})), amount: 3, idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'more than the hold reserved, and than a spend may be',
      detail: { limit: 'max_spend', max: '1' },
      arrange: async () => ({ ...(await hopeless({ captured: false })), amount: 3, idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'more than the hold reserved',
      detail: { available: '2', requested: '3' },
      arrange: async () => ({
        ...(await hopeless({ captured: false, limited: false })),
        amount: 3,
        idem_key: newKey(),
      }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_capture', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const { wallet_id, hold_id } = await withHold(db, await someAsset(db), { bought: 2, held: 2 });

    expect(await refusal(call(db, 'wallet_capture', { wallet_id, hold_id, amount, idem_key: newKey() }))).toMatchObject(
      { code },
    );
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 2, entries: 2 });
  });
});
