/** A call with one thing wrong and all else as usual: it is refused for that one thing, although usual calls are booked without being judged. */
import {
  BAD_AMOUNTS,
  BAD_KEYS,
  BAD_METADATA,
  call,
  createDatabase,
  expectSound,
  forceHead,
  MAX_BALANCE,
  newAsset,
  newKey,
  newWallet,
  partsOf,
  refusal,
  rowsOf,
  setStatus,
  someAsset,
} from './helpers.ts';

const db = createDatabase();
const FLOWS = ['wallet_top_up', 'wallet_bonus', 'wallet_spend', 'wallet_transfer'] as const;
type Flow = (typeof FLOWS)[number];

/** A request that is booked: of a wallet with credits, to another one of its asset. */
async function usual(flow: Flow, asset?: string): Promise<Record<string, unknown>> {
  const code = asset ?? (await someAsset(db));
  const wallet_id = await newWallet(db, code, { bought: 100, bonus: 10 });
  const given = { amount: 20, idem_key: newKey(), metadata: '{}' };
  if (flow !== 'wallet_transfer') return { wallet_id, ...given };
  return { from_wallet: wallet_id, to_wallet: await newWallet(db, code, { bought: 1 }), ...given };
}

const walletOf = (request: Record<string, unknown>): string => String(request.from_wallet ?? request.wallet_id);

/** It is refused, and books nothing. */
async function expectRefused(flow: Flow, request: Record<string, unknown>, code: string): Promise<void> {
  const before = await rowsOf(db, walletOf(request));
  expect((await refusal(call(db, flow, request))).code).toBe(code);
  expect(await rowsOf(db, walletOf(request))).toEqual(before);
}

describe.each(FLOWS)('a usual %s', (flow) => {
  it('is booked', async () => {
    expect(await call(db, flow, await usual(flow))).toMatchObject({ amount: '20', replayed: false });
  });

  it.each(BAD_AMOUNTS)('of %s is refused (WLAMT)', async (amount) => {
    await expectRefused(flow, { ...(await usual(flow)), amount }, 'WLAMT');
  });

  it.each(BAD_KEYS.map((idem_key) => ({ idem_key })))('with the key $idem_key is refused (WLARG)', async (bad) => {
    await expectRefused(flow, { ...(await usual(flow)), ...bad }, 'WLARG');
  });

  it.each(BAD_METADATA.map((metadata) => ({ metadata, shown: metadata.slice(0, 20) })).slice(1))(
    'with the metadata $shown is refused (WLARG)',
    async ({ metadata }) => {
      await expectRefused(flow, { ...(await usual(flow)), metadata }, 'WLARG');
    },
  );

  it('of a wallet that is not there is refused (WLNOW)', async () => {
    const request = await usual(flow);
    const unknown = '00000000-0000-8000-8000-000000000000';
    await expectRefused(
      flow,
      { ...request, ...(request.from_wallet ? { from_wallet: unknown } : { wallet_id: unknown }) },
      'WLNOW',
    );
  });

  it('with a key that another request has used is refused (WLKEY)', async () => {
    const request = await usual(flow);
    const receipt = await call(db, flow, request);
    await expectRefused(flow, { ...request, amount: 21 }, 'WLKEY');
    expect(await call(db, flow, request)).toEqual({ ...receipt, replayed: true });
  });

  it('of a closed wallet is refused (WLCLS)', async () => {
    const request = await usual(flow);
    await setStatus(db, walletOf(request), 'closed');
    await expectRefused(flow, request, 'WLCLS');
    await setStatus(db, walletOf(request), 'open');
  });

  it('of a frozen wallet is refused where credits leave (WLFRZ), and booked where they arrive', async () => {
    const request = await usual(flow);
    await setStatus(db, walletOf(request), 'frozen');
    if (flow === 'wallet_spend' || flow === 'wallet_transfer') await expectRefused(flow, request, 'WLFRZ');
    else expect(await call(db, flow, request)).toMatchObject({ amount: '20' });
  });
});

describe.each(['wallet_spend', 'wallet_transfer'] as const)('a usual %s', (flow) => {
  it('of more than there is is refused (WLFND)', async () => {
    await expectRefused(flow, { ...(await usual(flow)), amount: 111 }, 'WLFND');
  });

  it('of what is reserved is refused (WLFND)', async () => {
    const request = await usual(flow);
    await call(db, 'wallet_hold', { wallet_id: walletOf(request), amount: 100, idem_key: newKey() });
    await expectRefused(flow, request, 'WLFND');
  });

  it('takes the credits that expire first, then other bonus credits, then bought ones', async () => {
    const request = await usual(flow);
    const wallet_id = walletOf(request);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at: '2099-01-01Z' });
    expect(await call(db, flow, { ...request, amount: 4, idem_key: newKey() })).toMatchObject({ bonus_amount: '4' });
    expect(await partsOf(db, wallet_id)).toEqual({ paid: 100, bonus: 10, 2099: 1 });
    expect(await call(db, flow, { ...request, amount: 12, idem_key: newKey() })).toMatchObject({ bonus_amount: '11' });
    expect(await partsOf(db, wallet_id)).toEqual({ paid: 99 });
    await expectSound(db);
  });
});

describe('a usual wallet_transfer', () => {
  it('to a wallet with credits that expire gives it what it is told to', async () => {
    const request = await usual('wallet_transfer');
    const to_wallet = String(request.to_wallet);
    await call(db, 'wallet_bonus', { wallet_id: to_wallet, amount: 5, idem_key: newKey(), expires_at: '2099-01-01Z' });
    expect(await call(db, 'wallet_transfer', request)).toMatchObject({ bonus_amount: '10' });
    expect(await partsOf(db, to_wallet)).toEqual({ paid: 11, bonus: 10, 2099: 5 });
    await expectSound(db);
  });

  it.each(['', ' of credits that expire'])(
    '%s leaves the receiver an entry that says nothing of the sender',
    async (what) => {
      const request = await usual('wallet_transfer');
      const given = { wallet_id: request.from_wallet, amount: 5, idem_key: newKey(), expires_at: '2099-01-01Z' };
      if (what !== '') await call(db, 'wallet_bonus', given);
      const { transfer_id } = await call(db, 'wallet_transfer', request);
      const { rows } = await db.query<Record<string, unknown>>(
        'select e.* from ledger.entries e where e.transfer_id = $1 and e.actor is null',
        [transfer_id],
      );
      const known = Object.entries(rows[0] ?? {}).flatMap(([column, value]) => (value === null ? [] : [column]));
      expect(known.sort()).toEqual(
        [
          ...['wallet_id', 'transfer_id', 'seq', 'kind', 'debit', 'credit', 'created_at', 'xid', 'hash'],
          ...[
            'amount',
            'bonus_amount',
            'held_amount',
            'balance',
            'bonus_balance',
            'held_balance',
            'paid_balance',
            'free_balance',
          ],
          ...['topped_up_total', 'granted_total', 'spent_total', 'sent_total'],
        ].sort(),
      );
      await expectSound(db);
    },
  );

  it('to itself is refused (WLSLF)', async () => {
    const request = await usual('wallet_transfer');
    await expectRefused('wallet_transfer', { ...request, to_wallet: request.from_wallet }, 'WLSLF');
  });

  it('to a wallet of another asset is refused (WLAST)', async () => {
    const to_wallet = await newWallet(db, await newAsset(db), { bought: 1 });
    await expectRefused('wallet_transfer', { ...(await usual('wallet_transfer')), to_wallet }, 'WLAST');
  });

  it('to a closed wallet is refused (WLCLS), to a frozen one booked', async () => {
    const request = await usual('wallet_transfer');
    await setStatus(db, String(request.to_wallet), 'closed');
    await expectRefused('wallet_transfer', request, 'WLCLS');
    await setStatus(db, String(request.to_wallet), 'frozen');
    expect(await call(db, 'wallet_transfer', request)).toMatchObject({ amount: '20' });
  });
});

describe('a usual bonus', () => {
  it('that has expired is refused (WLARG), and one that expires makes a lot', async () => {
    const request = await usual('wallet_bonus');
    for (const expires_at of ['2001-01-01Z', 'infinity', '-infinity'])
      await expectRefused('wallet_bonus', { ...request, expires_at }, 'WLARG');
    await call(db, 'wallet_bonus', { ...request, expires_at: '2099-01-01Z' });
    expect(await partsOf(db, walletOf(request))).toEqual({ paid: 100, bonus: 10, 2099: 20 });
    // Upon lots of which none is due, too.
    const again = { ...request, idem_key: newKey(), expires_at: '2098-01-01Z' };
    const receipt = await call(db, 'wallet_bonus', again);
    expect(await call(db, 'wallet_bonus', again)).toEqual({ ...receipt, replayed: true });
    expect(await partsOf(db, walletOf(request))).toEqual({ paid: 100, bonus: 10, 2099: 20, 2098: 20 });
    await expectSound(db);
  });
});

describe('limits', () => {
  it.each([
    ['wallet_top_up', { max_daily_top_up: 110 }],
    ['wallet_top_up', { max_balance: 120 }],
    ['wallet_bonus', { max_daily_bonus: 15 }],
    ['wallet_spend', { max_spend: 19 }],
    ['wallet_spend', { max_daily_spend: 19 }],
    ['wallet_transfer', { max_balance: 20 }],
    ['wallet_transfer', { max_transfer: 19 }],
    ['wallet_transfer', { max_daily_transfer: 19 }],
  ] as [Flow, object][])('refuse a usual %s above %p (WLLIM)', async (flow, limit) => {
    const asset = await newAsset(db);
    const request = await usual(flow, asset);
    await call<object>(db, 'asset_limit_set', { asset_code: asset, ...limit });
    await expectRefused(flow, request, 'WLLIM');
  });

  it.each([
    ['wallet_top_up', { max_daily_top_up: 19 }],
    ['wallet_bonus', { max_daily_bonus: 19 }],
    ['wallet_bonus', { max_balance: 19 }],
  ] as [Flow, object][])('refuse the first %s of a wallet above %p (WLLIM)', async (flow, limit) => {
    const asset = await newAsset(db);
    await call<object>(db, 'asset_limit_set', { asset_code: asset, ...limit });
    const wallet_id = await newWallet(db, asset);
    await expectRefused(flow, { wallet_id, amount: 20, idem_key: newKey() }, 'WLLIM');
  });

  it.each([
    ['wallet_top_up', 'wallet_id', { max_daily_top_up: 110 }],
    ['wallet_bonus', 'wallet_id', { max_daily_bonus: 15 }],
    ['wallet_spend', 'wallet_id', { max_spend: 19 }],
    ['wallet_transfer', 'from_wallet', { max_transfer: 19 }],
    ['wallet_transfer', 'to_wallet', { max_balance: 20 }],
  ] as [Flow, string, object][])('of its own refuse a usual %s, of %s, above %p (WLLIM)', async (flow, who, limit) => {
    const request = await usual(flow);
    await call<object>(db, 'wallet_limit_set', { wallet_id: String(request[who]), ...limit });
    await expectRefused(flow, request, 'WLLIM');
  });

  it.each([
    ['wallet_top_up', { max_daily_top_up: 19 }],
    ['wallet_bonus', { max_balance: 19 }],
  ] as [Flow, object][])('of its own refuse the first %s of a wallet above %p (WLLIM)', async (flow, limit) => {
    const wallet_id = await newWallet(db, await newAsset(db));
    await call<object>(db, 'wallet_limit_set', { wallet_id, ...limit });
    await expectRefused(flow, { wallet_id, amount: 20, idem_key: newKey() }, 'WLLIM');
  });
});

describe('the ceiling', () => {
  const few = createDatabase();

  it.each([
    ['wallet_top_up', { balance: MAX_BALANCE }],
    ['wallet_top_up', { topped_up_total: MAX_BALANCE }],
    ['wallet_bonus', { granted_total: MAX_BALANCE }],
    ['wallet_spend', { balance: '1000', spent_total: MAX_BALANCE }],
  ] as const)('refuses a %s above it, of a wallet with %p (WLLIM)', async (flow, head) => {
    const wallet_id = await newWallet(few, await someAsset(few));
    await forceHead(few, wallet_id, head);
    expect((await refusal(call(few, flow, { wallet_id, amount: 20, idem_key: newKey() }))).code).toBe('WLLIM');
  });

  it.each([
    ['sent', { balance: '1000', sent_total: MAX_BALANCE }, { balance: '1' }],
    ['received', { balance: '1000' }, { balance: MAX_BALANCE }],
  ] as const)('refuses a transfer above it of what is %s (WLLIM)', async (_what, from, to) => {
    const [from_wallet, to_wallet] = [
      await newWallet(few, await someAsset(few)),
      await newWallet(few, await someAsset(few)),
    ];
    await forceHead(few, from_wallet, from);
    await forceHead(few, to_wallet, to);
    const request = { from_wallet, to_wallet, amount: 20, idem_key: newKey() };
    expect((await refusal(call(few, 'wallet_transfer', request))).code).toBe('WLLIM');
  });
});
