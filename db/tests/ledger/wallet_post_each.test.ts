import { ageTo } from '../aged.ts';
import {
  call,
  createDatabase,
  type Database,
  expectSound,
  forceHead,
  inMs,
  MAX_BALANCE,
  newAsset,
  newKey,
  newWallet,
  type Outcome,
  postBatch,
  postEach,
  type Receipt,
  refusal,
  rowsOf,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
  waitsForLock,
  type WalletRequest,
} from '../helpers.ts';

const LATE = '2102-01-01T00:00:00Z';

const item = (kind: string | null, wallet_id: string, more: WalletRequest = {}): WalletRequest => ({
  kind,
  wallet_id,
  idem_key: newKey(),
  ...more,
});
const topUp = (wallet_id: string, amount: number, more: WalletRequest = {}) =>
  item('top_up', wallet_id, { amount, ...more });
const bonus = (wallet_id: string, amount: number, more: WalletRequest = {}) =>
  item('bonus', wallet_id, { amount, ...more });
const spend = (wallet_id: string, amount: number, more: WalletRequest = {}) =>
  item('spend', wallet_id, { amount, ...more });
const transfer = (from: string, to: string, amount: number, more: WalletRequest = {}) =>
  item('transfer', from, { counterparty_id: to, amount, ...more });

/** Returns the receipts; throws if one was refused. */
function receiptsOf(outcomes: Outcome[]): Receipt[] {
  return outcomes.map(({ receipt, refusal: refused }) => {
    if (!receipt) throw new Error(`refused: ${JSON.stringify(refused)}`);
    return receipt;
  });
}

const codesOf = (outcomes: Outcome[]): string[] => outcomes.map(({ refusal: refused }) => refused?.code ?? 'booked');

/** Makes the single call of a request. */
async function single(db: Database, request: WalletRequest): Promise<Receipt> {
  const { kind, wallet_id, counterparty_id, metadata, ...rest } = request;
  const session = await db.connect();
  return call(session, kind === 'reversal' ? 'wallet_reverse' : `wallet_${kind ?? ''}`, {
    ...rest,
    ...(kind === 'transfer' ? { from_wallet: wallet_id, to_wallet: counterparty_id } : { wallet_id }),
    ...(metadata !== undefined && { metadata }),
  });
}

describe('wallet_post_each', () => {
  const db = createDatabase();

  it('books all kinds, each with the balances after those before, and returns outcomes in order', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const first = receiptsOf(
      await postEach(db, [
        topUp(one, 100, { metadata: { order: 7 } }),
        item('hold', one, { amount: 30, expires_at: LATE }),
        item('hold', one, { amount: 5 }),
        spend(one, 10),
      ]),
    );
    const [, captured, released, spent] = first;

    const receipts = receiptsOf(
      await postEach(db, [
        item('capture', one, { hold_id: captured?.hold_id, amount: 20 }),
        item('release', one, { hold_id: released?.hold_id }),
        item('reversal', one, { transfer_id: spent?.transfer_id, amount: 4 }),
        bonus(one, 6),
        transfer(one, two, 7),
        spend(two, 6),
      ]),
    );

    expect(first).toMatchObject([
      { seq: '1', kind: 'top_up', balance: '100', replayed: false },
      { seq: '2', kind: 'hold', amount: '30', held_balance: '30', available: '70' },
      { seq: '3', kind: 'hold', amount: '5', held_balance: '35', available: '65' },
      { seq: '4', kind: 'spend', amount: '10', balance: '90', available: '55' },
    ]);
    expect(receipts).toMatchObject([
      { wallet_id: one, seq: '5', kind: 'capture', amount: '20', balance: '70', held_balance: '5', available: '65' },
      { wallet_id: one, seq: '6', kind: 'release', amount: '5', balance: '70', held_balance: '0', available: '70' },
      { wallet_id: one, seq: '7', kind: 'reversal', amount: '4', balance: '74' },
      { wallet_id: one, seq: '8', kind: 'bonus', amount: '6', bonus_amount: '6', balance: '80', bonus_balance: '6' },
      { wallet_id: one, seq: '9', kind: 'transfer', amount: '7', bonus_amount: '6', balance: '73', bonus_balance: '0' },
      { wallet_id: two, seq: '2', kind: 'spend', amount: '6', bonus_amount: '6', balance: '1', bonus_balance: '0' },
    ]);
    await expectSound(db);
  });

  it('returns no outcomes for no requests', async () => {
    expect(await postEach(db, [])).toEqual([]);
  });

  /** Each is refused like its single call, and the others are booked. */
  const REFUSED: [code: string, what: string, arrange: () => Promise<WalletRequest>][] = [
    ['WLAMT', 'an amount of nothing', () => Promise.resolve(topUp(UNKNOWN_WALLET, 0))],
    ['WLARG', 'no key', () => Promise.resolve(topUp(UNKNOWN_WALLET, 1, { idem_key: '' }))],
    ['WLARG', 'metadata that are no object', () => Promise.resolve(topUp(UNKNOWN_WALLET, 1, { metadata: '[]' }))],
    [
      'WLARG',
      'an expiry that has passed',
      async () => bonus(await newWallet(db, await someAsset(db)), 1, { expires_at: '2000-01-01T00:00:00Z' }),
    ],
    ['WLSLF', 'one wallet to itself', () => Promise.resolve(transfer(UNKNOWN_WALLET, UNKNOWN_WALLET, 1))],
    ['WLNOW', 'an unknown wallet', () => Promise.resolve(spend(UNKNOWN_WALLET, 1))],
    [
      'WLNOH',
      'an unknown hold',
      async () => item('capture', await newWallet(db, await someAsset(db)), { hold_id: UNKNOWN_WALLET }),
    ],
    [
      'WLNOT',
      'an unknown movement',
      async () => item('reversal', await newWallet(db, await someAsset(db)), { transfer_id: UNKNOWN_WALLET }),
    ],
    [
      'WLAST',
      'a wallet of another asset',
      async () =>
        transfer(
          await newWallet(db, await someAsset(db), { bought: 5 }),
          await newWallet(db, await newAsset(db), { bought: 5 }),
          1,
        ),
    ],
    [
      'WLKEY',
      'a key that was used for another amount',
      async () => {
        const request = topUp(await newWallet(db, await someAsset(db)), 1);
        await postBatch(db, [request]);
        return { ...request, amount: 2 };
      },
    ],
    [
      'WLFRZ',
      'a frozen wallet',
      async () => {
        const wallet = await newWallet(db, await someAsset(db), { bought: 5 });
        await setStatus(db, wallet, 'frozen');
        return spend(wallet, 1);
      },
    ],
    [
      'WLCLS',
      'a closed wallet',
      async () => {
        const wallet = await newWallet(db, await someAsset(db));
        await setStatus(db, wallet, 'closed');
        return topUp(wallet, 1);
      },
    ],
    [
      'WLHLD',
      'a hold that was released',
      async () => {
        const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
        const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 2, idem_key: newKey() });
        await call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });
        return item('release', wallet_id, { hold_id });
      },
    ],
    [
      'WLREV',
      'more than is left to reverse',
      async () => {
        const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
        const { transfer_id } = await call(db, 'wallet_spend', { wallet_id, amount: 2, idem_key: newKey() });
        return item('reversal', wallet_id, { transfer_id, amount: 3 });
      },
    ],
    [
      'WLLIM',
      'a limit of the asset',
      async () => {
        const asset_code = await newAsset(db);
        await call(db, 'asset_limit_set', { asset_code, max_balance: 4 });
        return topUp(await newWallet(db, asset_code), 5);
      },
    ],
    ['WLFND', 'more than there is', async () => spend(await newWallet(db, await someAsset(db), { bought: 5 }), 6)],
  ];

  it.each(REFUSED)('refuses an item alone, like its single call (%s): %s', async (code, _what, arrange) => {
    const request = await arrange();
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 10 })];
    const before = await rowsOf(db);

    const outcomes = await postEach(db, [topUp(one, 5), request, transfer(two, one, 3), request, spend(one, 8)]);

    const expected = await refusal(single(db, request));
    expect(codesOf(outcomes)).toEqual(['booked', code, 'booked', code, 'booked']);
    const timeless = ({ detail, ...rest }: { detail: Record<string, unknown> }) => ({
      ...rest,
      detail: { ...detail, ...('now' in detail && { now: '' }) },
    });
    for (const place of [1, 3])
      expect(outcomes[place]?.refusal && timeless(outcomes[place].refusal)).toEqual(timeless(expected));
    expect(outcomes[4]?.receipt).toMatchObject({ wallet_id: one, seq: '3', balance: '0' });
    expect(await rowsOf(db)).toEqual({ transfers: before.transfers + 3, entries: before.entries + 4 });
    expect(await rowsOf(db, one)).toEqual({ transfers: 2, entries: 3 });
  });

  it.each(['expiry', 'debt', null])('refuses the kind %s (WLARG)', async (kind) => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });

    const outcomes = await postEach(db, [spend(wallet, 1), item(kind, wallet, { amount: 1 }), spend(wallet, 9)]);

    expect(codesOf(outcomes)).toEqual(['booked', 'WLARG', 'booked']);
    expect(outcomes[1]?.refusal?.detail).toEqual({ argument: 'kind' });
  });

  const NAMED = UNKNOWN_WALLET;
  it.each<[kind: string, argument: string, more: WalletRequest]>([
    ...['top_up', 'bonus', 'spend', 'hold', 'reversal'].map((kind): [string, string, WalletRequest] => [
      kind,
      'hold_id',
      { amount: 1, hold_id: NAMED, ...(kind === 'reversal' && { transfer_id: NAMED }) },
    ]),
    ...['top_up', 'bonus', 'spend', 'hold', 'capture', 'release'].map((kind): [string, string, WalletRequest] => [
      kind,
      'transfer_id',
      {
        ...(kind !== 'release' && { amount: 1 }),
        transfer_id: NAMED,
        ...((kind === 'capture' || kind === 'release') && { hold_id: NAMED }),
      },
    ]),
    ...['top_up', 'bonus', 'spend', 'hold', 'capture', 'release', 'reversal'].map(
      (kind): [string, string, WalletRequest] => [kind, 'counterparty_id', { amount: 1, counterparty_id: NAMED }],
    ),
    ['capture', 'hold_id', { amount: 1 }],
    ['release', 'hold_id', {}],
    ['release', 'amount', { amount: 1, hold_id: NAMED }],
    ['reversal', 'transfer_id', { amount: 1 }],
    ['transfer', 'to_wallet', { amount: 1 }],
    ['transfer', 'hold_id', { amount: 1, counterparty_id: '00000000-0000-8000-8000-000000000001', hold_id: NAMED }],
    ['spend', 'expires_at', { amount: 1, expires_at: LATE }],
  ])('refuses a %s for its %s (WLARG)', async (kind, argument, more) => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });

    const [outcome, after] = await postEach(db, [item(kind, wallet, more), spend(wallet, 10)]);

    expect(outcome?.refusal).toMatchObject({ code: 'WLARG', detail: { argument } });
    expect(outcome?.refusal?.hint).not.toBe('');
    expect(after?.receipt).toMatchObject({ balance: '0' });
  });

  it.each(['top_up', 'bonus', 'spend', 'transfer', 'hold'])('refuses a %s without an amount (WLAMT)', async (kind) => {
    const outcomes = await postEach(db, [item(kind, UNKNOWN_WALLET)]);

    expect(codesOf(outcomes)).toEqual(['WLAMT']);
  });

  it('refuses a null item (WLAMT) and books the rest', async () => {
    const wallet = await newWallet(db, await someAsset(db));

    const { rows } = await db.query(
      `select (o.receipt).balance, (o.refusal).code from ledger.wallet_post_each(
         array[null, ledger.request('top_up', $1, null, 5, 'first'), null]::ledger.wallet_request[]) o`,
      [wallet],
    );

    expect(rows).toEqual([
      { balance: null, code: 'WLAMT' },
      { balance: '5', code: null },
      { balance: null, code: 'WLAMT' },
    ]);
  });

  it.each([
    ['no list', 'null', null],
    ['10001 items', 'array_fill(null::ledger.wallet_request, array[10001])', 10001],
    ['a list of lists', 'array_fill(null::ledger.wallet_request, array[2, 2])', 4],
  ])('refuses %s as a whole (WLARG)', async (_what, requests, length) => {
    expect(await refusal(db.query(`select * from ledger.wallet_post_each(${requests})`))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'requests', length, max: 10000 },
    });
  });

  it('refuses wait => null (WLARG)', async () => {
    expect(await refusal(db.query("select * from ledger.wallet_post_each('{}', null)"))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'wait' },
    });
  });

  it('replays booked items, and tries refused ones again', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const requests = [topUp(one, 10), spend(two, 4), transfer(one, two, 3), bonus(one, 2, { expires_at: LATE })];

    const first = await postEach(db, requests);
    const again = await postEach(db, [...requests, topUp(one, 1)]);

    expect(codesOf(first)).toEqual(['booked', 'WLFND', 'booked', 'booked']);
    expect(codesOf(again)).toEqual(['booked', 'WLFND', 'booked', 'booked', 'booked']);
    for (const place of [0, 2, 3]) expect(again[place]?.receipt).toEqual({ ...first[place]?.receipt, replayed: true });
    await postEach(db, [topUp(two, 1)]);
    expect(codesOf(await postEach(db, requests))).toEqual(['booked', 'booked', 'booked', 'booked']);
    await expectSound(db);
  });

  it('replays the first of two equal keys for the second, or refuses that one (WLKEY); each wallet has its own keys', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const request = topUp(one, 10, { metadata: { n: 1 } });

    const outcomes = await postEach(db, [
      request,
      spend(one, 1),
      request,
      { ...request, amount: 11 },
      { ...request, kind: 'bonus' },
      { ...request, wallet_id: two },
      spend(one, 9),
      request,
    ]);

    expect(codesOf(outcomes)).toEqual([
      ...['booked', 'booked', 'booked', 'WLKEY', 'WLKEY', 'booked', 'booked', 'booked'],
    ]);
    const [first, , second, amount, kind, other, , third] = outcomes;
    expect(second?.receipt).toEqual({ ...first?.receipt, replayed: true });
    expect(third?.receipt).toEqual({ ...first?.receipt, replayed: true });
    expect(amount?.refusal?.detail).toMatchObject({ field: 'amount', first: '10', again: '11' });
    expect(kind?.refusal?.detail).toMatchObject({ field: 'kind', first: 'top_up', again: 'bonus' });
    expect(other?.receipt).toMatchObject({ wallet_id: two, seq: '1', replayed: false });
    expect(await rowsOf(db, one)).toEqual({ transfers: 3, entries: 3 });
    await expectSound(db);
  });

  it('leaves the key of a refused item free for a later one', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const request = spend(wallet, 5);

    const outcomes = await postEach(db, [request, topUp(wallet, 5), request, request]);

    expect(codesOf(outcomes)).toEqual(['WLFND', 'booked', 'booked', 'booked']);
    expect(outcomes.map(({ receipt }) => receipt?.replayed)).toEqual([undefined, false, false, true]);
  });

  it('leaves nothing of a refused item, not even expiries that would have been booked with it', async () => {
    const asset = await newAsset(db);
    const [wallet_id, other] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset)];
    const soon = await inMs(db, 3_600_000);
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey(), expires_at: soon });
    await call(db, 'wallet_bonus', { wallet_id, amount: 3, idem_key: newKey(), expires_at: soon });
    await ageTo(db, soon);
    const before = await rowsOf(db, wallet_id);
    const refused = [spend(wallet_id, 6), item('capture', wallet_id, { hold_id }), transfer(wallet_id, other, 6)];

    const outcomes = await postEach(db, [topUp(other, 1), ...refused, topUp(other, 2)]);

    expect(codesOf(outcomes)).toEqual(['booked', 'WLFND', 'WLHLD', 'WLFND', 'booked']);
    expect(await rowsOf(db, wallet_id)).toEqual(before);
    // The release of an expired hold, an expiry, and the spend.
    expect(codesOf(await postEach(db, [spend(wallet_id, 5)]))).toEqual(['booked']);
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: before.transfers + 3, entries: before.entries + 3 });
    await expectSound(db);
  });

  it('books 500 movements of one wallet in order, like single calls', async () => {
    const asset = await newAsset(db);
    const [hot, shop] = [await newWallet(db, asset), await newWallet(db, asset)];
    const kinds = [
      (n: number) => topUp(hot, 10 + n),
      (n: number) => bonus(hot, 1 + (n % 7)),
      (n: number) => spend(hot, 1 + (n % 5)),
      (n: number) => transfer(hot, shop, 2 + (n % 3)),
      (n: number) => transfer(shop, hot, 1 + (n % 2)),
    ];
    const requests = Array.from({ length: 500 }, (_, n) => (kinds[n % 5] ?? topUp.bind(null, hot))(n));

    const receipts = receiptsOf(await postEach(db, requests));

    let [paid, given] = [0, 0];
    const other = { paid: 0, given: 0 };
    for (const [n, { kind, amount = 0, wallet_id }] of requests.entries()) {
      const size = Number(amount);
      if (kind === 'top_up') paid += size;
      else if (kind === 'bonus') given += size;
      else {
        const from = wallet_id === hot ? given : other.given;
        const part = Math.min(size, from);
        const change = wallet_id === hot ? -1 : 1;
        given += change * part;
        paid += change * (size - part);
        if (kind === 'transfer') {
          other.given -= change * part;
          other.paid -= change * (size - part);
        }
        expect([n, receipts[n]?.bonus_amount]).toEqual([n, String(part)]);
      }
      const [all, free] = wallet_id === hot ? [paid + given, given] : [other.paid + other.given, other.given];
      expect([n, receipts[n]?.wallet_id, receipts[n]?.balance, receipts[n]?.bonus_balance]).toEqual([
        n,
        wallet_id,
        String(all),
        String(free),
      ]);
    }
    expect(await rowsOf(db, hot)).toEqual({ transfers: 400, entries: 500 });
    expect(await rowsOf(db, shop)).toEqual({ transfers: 100, entries: 200 });
    const { rows } = await db.query<{ id: string }>('select id from ledger.transfers where id = any ($1) order by id', [
      receipts.map(({ transfer_id }) => transfer_id),
    ]);
    expect(rows.map(({ id }: { id: string }) => id)).toEqual(receipts.map(({ transfer_id }) => transfer_id));
    await expectSound(db);
  });
});

describe('wallet_post_each, beside other calls,', () => {
  const db = createDatabase();

  async function someWallets(count: number): Promise<string[]> {
    const asset = await newAsset(db);
    const wallets: string[] = [];
    for (let n = 0; n < count; n += 1) wallets.push(await newWallet(db, asset, { bought: 100 }));
    return wallets;
  }

  it('with wait => false skips wallets that others have locked, and later items of these wallets (55P03)', async () => {
    const [busy = '', one = '', two = '', three = ''] = await someWallets(4);
    const other = await db.connect();
    await other.query('begin');
    await call(other, 'wallet_top_up', { wallet_id: busy, amount: 1, idem_key: newKey() });
    const session = await db.connect();
    // Any wait would fail.
    await session.query("set lock_timeout = '1ms'");
    const requests = [
      spend(one, 1),
      spend(busy, 1),
      transfer(one, busy, 2),
      spend(one, 3),
      transfer(two, one, 4),
      spend(two, 5),
      spend(three, 6),
      spend(UNKNOWN_WALLET, 7),
      spend(three, 101),
    ];

    const outcomes = await postEach(session, requests, false);

    const later = '55P03';
    expect(codesOf(outcomes)).toEqual(['booked', later, later, later, later, later, 'booked', 'WLNOW', 'WLFND']);
    expect(outcomes[3]?.refusal).toMatchObject({ message: 'retry: the wallet is busy', detail: { wallet_id: one } });
    expect(outcomes[3]?.refusal?.hint).toContain('again');
    await other.query('commit');
    const again = await postEach(session, requests, false);
    expect(codesOf(again)).toEqual([...Array<string>(7).fill('booked'), 'WLNOW', 'WLFND']);
    expect(again.map(({ receipt }) => receipt?.replayed)).toEqual([
      ...[true, false, false, false, false, false, true, undefined, undefined],
    ]);
    await expectSound(db);
  });

  it('with wait => false skips the reversal of a transfer to a wallet that others have locked (55P03)', async () => {
    const [from = '', busy = ''] = await someWallets(2);
    const [sent] = receiptsOf(await postEach(db, [transfer(from, busy, 5)]));
    const other = await db.connect();
    await other.query('begin');
    await call(other, 'wallet_top_up', { wallet_id: busy, amount: 1, idem_key: newKey() });
    const session = await db.connect();
    await session.query("set lock_timeout = '1ms'");
    const requests = [item('reversal', from, { transfer_id: sent?.transfer_id }), spend(from, 1)];

    expect(codesOf(await postEach(session, requests, false))).toEqual(['55P03', '55P03']);

    await other.query('rollback');
    expect(codesOf(await postEach(session, requests, false))).toEqual(['booked', 'booked']);
  });

  it.each(['repeatable read', 'serializable'])('at %s a skipped wallet makes the call fail (40001)', async (level) => {
    const [busy = '', free = ''] = await someWallets(2);
    const other = await db.connect();
    await other.query('begin');
    await call(other, 'wallet_top_up', { wallet_id: busy, amount: 1, idem_key: newKey() });
    const session = await db.connect();
    await session.query(`begin isolation level ${level}`);

    expect(await refusal(postEach(session, [spend(free, 1), spend(busy, 1)], false))).toMatchObject({
      code: '40001',
    });

    await session.query('rollback');
    await session.query(`begin isolation level ${level}`);
    expect(codesOf(await postEach(session, [spend(free, 1), spend(free, 100)], false))).toEqual(['booked', 'WLFND']);
    await session.query('commit');
    expect(await rowsOf(db, free)).toEqual({ transfers: 2, entries: 2 });
  });

  it.each(['repeatable read', 'serializable'])('at %s an old snapshot makes the call fail (40001)', async (level) => {
    const [wallet = ''] = await someWallets(1);
    const session = await db.connect();
    await session.query(`begin isolation level ${level}`);
    await session.query('select from ledger.wallets');
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });

    expect(await refusal(postEach(session, [spend(wallet, 1000)]))).toMatchObject({ code: '40001' });
  });

  it('otherwise waits, and books after the other call', async () => {
    const [busy = '', free = ''] = await someWallets(2);
    const other = await db.connect();
    await other.query('begin');
    await call(other, 'wallet_spend', { wallet_id: busy, amount: 99, idem_key: newKey() });
    const session = await db.connect();

    const outcomes = postEach(session, [spend(free, 1), spend(busy, 2), spend(busy, 1)]);
    await waitsForLock(db, session);
    await other.query('commit');

    expect(codesOf(await outcomes)).toEqual(['booked', 'WLFND', 'booked']);
  });

  it('fails with 40001 if the transfer to be reversed was committed during the wait, and can be retried', async () => {
    const [from = '', to = ''] = await someWallets(2);
    const other = await db.connect();
    await other.query('begin');
    const { transfer_id } = await call(other, 'wallet_transfer', {
      ...{ from_wallet: from, to_wallet: to, amount: 5, idem_key: newKey() },
    });
    const session = await db.connect();
    const requests = [item('reversal', from, { transfer_id })];

    const first = refusal(postEach(session, requests));
    await waitsForLock(db, session);
    await other.query('commit');

    expect(await first).toMatchObject({ code: '40001' });
    expect(codesOf(await postEach(session, requests))).toEqual(['booked']);
  });

  it('in opposite orders on the same wallets, with and without waiting: no deadlock, and nothing is lost', async () => {
    const wallets = await someWallets(10);
    const pool = db.jobPool(8);
    const at = (place: number) => wallets[place % 10] ?? '';
    const ring = (step: number) =>
      wallets.flatMap((wallet, place) => [topUp(wallet, 2), transfer(wallet, at(place + step), 1), spend(wallet, 1)]);
    const lists = Array.from({ length: 24 }, (_, turn) => {
      const list = ring(1 + (turn % 9));
      return turn % 2 === 0 ? list : list.toReversed();
    });

    const answers = await Promise.all(lists.map((list, turn) => postEach(pool, list, turn % 3 > 0)));

    const booked = answers.flat().filter(({ receipt }) => receipt);
    expect(answers.flat()).toHaveLength(24 * 30);
    expect(new Set(answers.flatMap(codesOf))).toEqual(
      new Set(answers.flatMap(codesOf).includes('55P03') ? ['booked', '55P03'] : ['booked']),
    );
    const { rows } = await db.query(
      'select count(*)::int as booked from ledger.transfers where wallet_id = any ($1) and id = any ($2)',
      [wallets, booked.map(({ receipt }) => receipt?.transfer_id)],
    );
    expect(rows).toEqual([{ booked: booked.length }]);
    await expectSound(db);
  });

  it('64 times concurrently, books once', async () => {
    const [one = '', two = ''] = await someWallets(2);
    const pool = db.jobPool(64);
    const requests = [bonus(one, 5, { expires_at: LATE }), transfer(one, two, 2), spend(one, 3), topUp(two, 1)];

    const answers = await Promise.all(Array.from({ length: 64 }, () => postEach(pool, requests)));

    const receipts = answers.map(receiptsOf);
    const first = receipts.filter((list) => list.every(({ replayed }) => !replayed));
    expect(first).toHaveLength(1);
    expect(receipts.filter((list) => list.every(({ replayed }) => replayed))).toEqual(
      Array(63).fill(first[0]?.map((receipt) => ({ ...receipt, replayed: true }))),
    );
    await expectSound(db);
  });
});

describe('wallet_post_each of wallets with manually written rows', () => {
  const db = createDatabase();

  it('rolls back the whole call for an error that is no refusal (XX001)', async () => {
    const asset = await newAsset(db);
    const [good, broken] = [await newWallet(db, asset), await newWallet(db, asset)];
    // Simulates a lost list of open holds.
    await forceHead(db, broken, { balance: '9', held_balance: '4' });

    expect(
      await refusal(postEach(db, [topUp(good, 1), spend(good, 9), spend(broken, 1), topUp(good, 1)])),
    ).toMatchObject({ code: 'XX001' });

    expect(await rowsOf(db, good)).toEqual({ transfers: 0, entries: 0 });
  });

  it('refuses an item alone that exceeds the maximum (WLLIM)', async () => {
    const asset = await newAsset(db);
    const [full, other] = [await newWallet(db, asset), await newWallet(db, asset)];
    await forceHead(db, full, { balance: MAX_BALANCE });

    const outcomes = await postEach(db, [topUp(other, 2), transfer(other, full, 1), topUp(full, 1), spend(other, 2)]);

    expect(codesOf(outcomes)).toEqual(['booked', 'WLLIM', 'WLLIM', 'booked']);
    expect(outcomes[1]?.refusal?.detail).toMatchObject({ wallet_id: full, limit: 'max_balance' });
  });
});
