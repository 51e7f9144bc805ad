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
  newOwner,
  newWallet,
  partsOf,
  postBatch,
  postEach,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  UNKNOWN_WALLET,
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';
import { sealAll } from '../seals.ts';

const db = createDatabase();

interface Pair {
  gold: string;
  gems: string;
  from_wallet: string;
  to_wallet: string;
}

/** An owner's wallets of two assets. */
async function newPair(has: { bought?: number; bonus?: number } = {}): Promise<Pair> {
  const [gold, gems, owner] = [await newAsset(db), await newAsset(db), newOwner()];
  const from_wallet = await newWallet(db, gold, { ...has, owner });
  return { gold, gems, from_wallet, to_wallet: await newWallet(db, gems, { owner }) };
}
const exchange = (
  { from_wallet, to_wallet }: Pick<Pair, 'from_wallet' | 'to_wallet'>,
  amount: number | string,
  to_amount: number | string,
  more: Record<string, unknown> = {},
) => call(db, 'wallet_exchange', { from_wallet, to_wallet, amount, to_amount, idem_key: newKey(), ...more });
const reverse = (wallet_id: string, transfer_id: string, more: Record<string, unknown> = {}) =>
  call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey(), ...more });
const grant = (wallet_id: string, amount: number, expires_at?: string) =>
  call(db, 'wallet_bonus', { wallet_id, amount, expires_at, idem_key: newKey() });
const spend = (wallet_id: string, amount: number) =>
  call(db, 'wallet_spend', { wallet_id, amount, idem_key: newKey() });

/** The other movement of an exchange. */
async function otherSideOf(transfer_id: string): Promise<{ id: string; wallet_id: string }> {
  const { rows } = await db.query<{ id: string; wallet_id: string }>(
    `select o.id, o.wallet_id from ledger.transfers t
     join ledger.entries e on e.wallet_id = t.linked_wallet_id and e.seq = t.linked_seq
     join ledger.transfers o on o.id = e.transfer_id where t.id = $1`,
    [transfer_id],
  );
  expect(rows).toHaveLength(1);
  return rows[0] ?? { id: '', wallet_id: '' };
}

describe('wallet_exchange', () => {
  it('takes credits of one asset and gives those of another, each balanced by the account exchange', async () => {
    const pair = await newPair({ bought: 100 });

    const receipt = await exchange(pair, 60, 7, { metadata: { offer: 'x' } });

    expect(receipt).toMatchObject({
      ...{ wallet_id: pair.from_wallet, seq: '2', kind: 'exchange', amount: '60', bonus_amount: '0', balance: '40' },
      ...{ bonus_balance: '0', held_balance: '0', available: '40', hold_id: null, replayed: false },
    });
    expect(await partsOf(db, pair.to_wallet)).toEqual({ paid: 7 });
    const of = async (asset_code: string) =>
      (await callAll<{ account: string; debit: string; credit: string }>(db, 'ledger_trial_balance', { asset_code }))
        .filter(({ account }) => ['exchange', 'players'].includes(account))
        .map(({ account, debit, credit }) => [account, debit, credit]);
    expect(await of(pair.gold)).toEqual([
      ['exchange', '0', '60'],
      ['players', '0', '40'],
    ]);
    expect(await of(pair.gems)).toEqual([
      ['exchange', '7', '0'],
      ['players', '0', '7'],
    ]);
    await expectSound(db);
  });

  it('books two movements in one commit, with links to each other, the rate and one request', async () => {
    const pair = await newPair({ bought: 100 });
    const idem_key = newKey();

    const { transfer_id } = await exchange(pair, 60, 7, { idem_key, metadata: { offer: 'x' } });

    const other = await otherSideOf(transfer_id);
    expect(other.wallet_id).toBe(pair.to_wallet);
    expect(await otherSideOf(other.id)).toEqual({ id: transfer_id, wallet_id: pair.from_wallet });
    const { rows } = await db.query(
      `select wallet_id, idem_key, kind, debit_wallet_id, credit_wallet_id, requested_amount, amount, metadata,
         linked_wallet_id, linked_seq, count(*) over (partition by actor)::int as of_actor,
         (select count(distinct xid)::int from ledger.entries where transfer_id in ($1, $2)) as commits
       from ledger.transfers where id in ($1, $2) order by amount desc`,
      [transfer_id, other.id],
    );
    expect(rows).toEqual([
      {
        ...{ wallet_id: pair.from_wallet, idem_key, kind: 'exchange', debit_wallet_id: pair.from_wallet },
        ...{ credit_wallet_id: null, requested_amount: '60', amount: '60', metadata: { offer: 'x' } },
        ...{ linked_wallet_id: pair.to_wallet, linked_seq: '1', of_actor: 2, commits: 1 },
      },
      {
        ...{ wallet_id: pair.to_wallet, idem_key: null, kind: 'exchange', debit_wallet_id: null },
        ...{ credit_wallet_id: pair.to_wallet, requested_amount: '7', amount: '7', metadata: {} },
        ...{ linked_wallet_id: pair.from_wallet, linked_seq: '2', of_actor: 2, commits: 1 },
      },
    ]);
    const { rows: lines } = await db.query(
      'select asset_code, side, account, wallet_id, amount from ledger.journal where transfer_id in ($1, $2) order by amount desc, side',
      [transfer_id, other.id],
    );
    expect(lines).toEqual([
      { asset_code: pair.gold, side: 'debit', account: 'player', wallet_id: pair.from_wallet, amount: '60' },
      { asset_code: pair.gold, side: 'credit', account: 'exchange', wallet_id: null, amount: '60' },
      { asset_code: pair.gems, side: 'debit', account: 'exchange', wallet_id: null, amount: '7' },
      { asset_code: pair.gems, side: 'credit', account: 'player', wallet_id: pair.to_wallet, amount: '7' },
    ]);
    // A block closes each of them once.
    await sealAll(db);
    await expectSound(db);
    const counterparties = await db.query(
      'select ledger.entries_counterparty(e) as name from ledger.entries e where transfer_id in ($1, $2)',
      [transfer_id, other.id],
    );
    expect(counterparties.rows).toEqual([{ name: 'exchange' }, { name: 'exchange' }]);
  });

  it.each([
    // bonus, amount, to_amount → bonus taken, bonus given
    { bonus: 0, amount: 10, to: 1_000, leaves: 0, arrives: 0 },
    { bonus: 10, amount: 10, to: 7, leaves: 10, arrives: 7 },
    { bonus: 50, amount: 10, to: 7, leaves: 10, arrives: 7 },
    { bonus: 5, amount: 10, to: 1_000, leaves: 5, arrives: 500 },
    { bonus: 1, amount: 3, to: 1, leaves: 1, arrives: 1 },
    { bonus: 1, amount: 3, to: 3, leaves: 1, arrives: 1 },
    { bonus: 1, amount: 3, to: 10, leaves: 1, arrives: 4 },
    { bonus: 1, amount: 1_000, to: 1, leaves: 1, arrives: 1 },
    { bonus: 999, amount: 1_000, to: 999, leaves: 999, arrives: 999 },
    { bonus: 999, amount: 1_000, to: 1_001, leaves: 999, arrives: 1_000 },
  ])(
    'takes $leaves of $bonus bonus credits for $amount, and of $to that arrive $arrives are bonus credits',
    async ({ bonus, amount, to, leaves, arrives }) => {
      const pair = await newPair({ bought: 1_000, bonus });

      expect(await exchange(pair, amount, to)).toMatchObject({ bonus_amount: String(leaves) });

      expect(await callAll(db, 'wallet_balance', { wallet_id: pair.to_wallet })).toMatchObject([
        { balance: String(to), bonus_balance: String(arrives) },
      ]);
      expect(await callAll(db, 'ledger_verify', { wallet_id: pair.to_wallet })).toEqual([]);
    },
  );

  it('divides the largest amounts exactly', async () => {
    const pair = await newPair();
    const most = 1_000_000_000_000_000;
    await call(db, 'wallet_bonus', { wallet_id: pair.from_wallet, amount: 333_333_333_333_333, idem_key: newKey() });
    await call(db, 'wallet_top_up', { wallet_id: pair.from_wallet, amount: most, idem_key: newKey() });

    await exchange(pair, most, most - 1);

    // 333333333333333 * (10^15 - 1) / 10^15 is 333333333333332.6…
    expect(await callAll(db, 'wallet_balance', { wallet_id: pair.to_wallet })).toMatchObject([
      { balance: String(most - 1), bonus_balance: '333333333333333' },
    ]);
    await expectSound(db);
  });

  it('takes the earliest expiry first, and gives credits that do not expire', async () => {
    const pair = await newPair({ bought: 10, bonus: 5 });
    await grant(pair.from_wallet, 8, '2101-06-01Z');
    await grant(pair.from_wallet, 6, '2100-06-01Z');

    await exchange(pair, 9, 18);

    expect(await partsOf(db, pair.from_wallet)).toEqual({ paid: 10, bonus: 5, 2101: 5 });
    expect(await partsOf(db, pair.to_wallet)).toEqual({ bonus: 18 });
    await expectSound(db);
  });

  it('takes no reserved credits (WLFND)', async () => {
    const pair = await newPair({ bought: 10, bonus: 4 });
    await call(db, 'wallet_hold', { wallet_id: pair.from_wallet, amount: 6, idem_key: newKey() });

    expect(await refusal(exchange(pair, 9, 1))).toMatchObject({ code: 'WLFND', detail: { available: '8' } });
    expect(await exchange(pair, 8, 8)).toMatchObject({ bonus_amount: '0', balance: '6', available: '0' });
    await expectSound(db);
  });

  it('books expiries of both wallets first', async () => {
    const pair = await newPair({ bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    for (const wallet of [pair.from_wallet, pair.to_wallet]) await grant(wallet, 3, expires_at);
    await ageTo(db, expires_at);

    expect(await exchange(pair, 10, 5)).toMatchObject({ seq: '4', bonus_amount: '0', balance: '0' });
    expect(await partsOf(db, pair.to_wallet)).toEqual({ paid: 5 });
    await expectSound(db);
  });

  it("counts as no spend, top-up or transfer; only the receiving wallet's maximum balance applies (WLLIM)", async () => {
    const pair = await newPair({ bought: 100 });
    const limits = { max_spend: 1, max_daily_spend: 1, max_daily_top_up: 1, max_daily_bonus: 1, max_balance: 50 };
    for (const asset_code of [pair.gold, pair.gems])
      await call<object>(db, 'asset_limit_set', { asset_code, ...limits });

    await exchange(pair, 100, 50);

    const { rows } = await db.query(
      `select topped_up_total, granted_total, spent_total, sent_total from ledger.entries
       where wallet_id in ($1, $2) and kind = 'exchange' order by topped_up_total`,
      [pair.from_wallet, pair.to_wallet],
    );
    const none = { topped_up_total: '0', granted_total: '0', spent_total: '0', sent_total: '0' };
    expect(rows).toEqual([none, { ...none, topped_up_total: '100' }]);
    const other = await newPair({ bought: 100 });
    await call<object>(db, 'asset_limit_set', { asset_code: other.gems, max_balance: 49 });
    expect(await refusal(exchange(other, 1, 50))).toMatchObject({
      code: 'WLLIM',
      detail: { wallet_id: other.to_wallet, limit: 'max_balance', max: '49', left: '49' },
    });
  });

  it.each([
    { wallet: 'from_wallet', status: 'frozen', code: 'WLFRZ' },
    { wallet: 'from_wallet', status: 'closed', code: 'WLCLS' },
    { wallet: 'to_wallet', status: 'closed', code: 'WLCLS' },
  ] as const)('is refused where $wallet is $status ($code)', async ({ wallet, status, code }) => {
    const pair = await newPair({ bought: 10 });
    await setStatus(db, pair[wallet], status);

    expect(await refusal(exchange(pair, 1, 1))).toMatchObject({ code, detail: { wallet_id: pair[wallet] } });
    expect(await rowsOf(db, pair.to_wallet)).toEqual({ transfers: 0, entries: 0 });
  });

  it('can arrive in a frozen wallet', async () => {
    const pair = await newPair({ bought: 10 });
    await setStatus(db, pair.to_wallet, 'frozen');

    await exchange(pair, 1, 1);

    expect(await partsOf(db, pair.to_wallet)).toEqual({ paid: 1 });
  });

  it('is replayed as one after other movements', async () => {
    const pair = await newPair({ bought: 10, bonus: 3 });
    const more = { idem_key: newKey(), metadata: { offer: 'x' } };
    const first = await exchange(pair, 5, 50, more);
    await spend(pair.to_wallet, 50);
    await setStatus(db, pair.to_wallet, 'closed');

    expect(await exchange(pair, 5, 50, more)).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, pair.from_wallet)).toEqual({ transfers: 3, entries: 3 });
    expect(await rowsOf(db, pair.to_wallet)).toEqual({ transfers: 2, entries: 2 });
  });

  it.each([
    { field: 'to_wallet', other: () => newPair(), again: undefined },
    { field: 'amount', other: () => ({ amount: 6 }), again: '6' },
    { field: 'to_amount', other: () => ({ to_amount: 51 }), again: '51' },
    { field: 'metadata', other: () => ({ metadata: {} }), again: '{}' },
  ])('names $field where a key comes again with another (WLKEY)', async ({ field, other, again }) => {
    const { gold, gems, ...pair } = await newPair({ bought: 10 });
    const request = { ...pair, amount: 5, to_amount: 50, idem_key: newKey(), metadata: { n: 1 } };
    await call(db, 'wallet_exchange', request);
    const { rows } = await db.query<{ owner: string }>('select owner_id as owner from ledger.wallets where id = $1', [
      pair.from_wallet,
    ]);
    const changed =
      field === 'to_wallet'
        ? { to_wallet: await newWallet(db, await newAsset(db), { owner: rows[0]?.owner }) }
        : await other();

    const refused = await refusal(call(db, 'wallet_exchange', { ...request, ...changed }));

    expect([gold, gems]).toHaveLength(2);
    expect(refused).toMatchObject({ code: 'WLKEY', detail: { field } });
    expect(refused.detail.again).toBe(again ?? (changed as { to_wallet: string }).to_wallet);
  });

  it('is booked once for concurrent calls with one key, and calls in both directions never deadlock', async () => {
    const pair = await newPair({ bought: 1_000 });
    await exchange(pair, 500, 500);
    const pool = db.jobPool(12);
    const args = { from_wallet: pair.from_wallet, to_wallet: pair.to_wallet, amount: 1, to_amount: 1 };
    const back = { ...args, from_wallet: pair.to_wallet, to_wallet: pair.from_wallet };
    const [same, sameBack] = [newKey(), newKey()];

    const receipts = await Promise.all(
      Array.from({ length: 48 }, (_, n) =>
        call(pool, 'wallet_exchange', {
          ...(n % 2 ? args : back),
          idem_key: n < 24 ? (n % 2 ? same : sameBack) : newKey(),
        }),
      ),
    );

    expect(receipts.filter(({ replayed }) => replayed)).toHaveLength(22);
    expect([await partsOf(db, pair.from_wallet), await partsOf(db, pair.to_wallet)]).toEqual([
      { paid: 500 },
      { paid: 500 },
    ]);
    await expectSound(db);
  });

  it('is an item of a batch and of many calls in one, with the receipts and refusals of its single call', async () => {
    const pair = await newPair({ bought: 10 });
    const item = (amount: number, to_amount: number | null) => ({
      ...{ kind: 'exchange', wallet_id: pair.from_wallet, counterparty_id: pair.to_wallet, amount, to_amount },
      idem_key: newKey(),
    });
    const first = item(4, 40);

    expect(
      await postBatch(db, [first, { kind: 'spend', wallet_id: pair.to_wallet, amount: 15, idem_key: newKey() }]),
    ).toMatchObject([
      { kind: 'exchange', balance: '6' },
      { kind: 'spend', balance: '25' },
    ]);
    expect(await postEach(db, [item(7, 70), first, item(6, null), item(6, 1)])).toMatchObject([
      { refusal: { code: 'WLFND', detail: { available: '6', requested: '7' } } },
      { receipt: { balance: '6', replayed: true } },
      { refusal: { code: 'WLAMT', detail: { to_amount: null } } },
      { receipt: { balance: '0', replayed: false } },
    ]);
    expect(await partsOf(db, pair.to_wallet)).toEqual({ paid: 26 });
    await expectSound(db);
  });
});

describe('wallet_reverse of an exchange', () => {
  it.each(['from_wallet', 'to_wallet'] as const)('by its %s reverses both movements', async (by) => {
    const pair = await newPair({ bought: 10, bonus: 2 });
    await grant(pair.from_wallet, 3, '2100-06-01Z');
    const there = await partsOf(db, pair.from_wallet);
    const { transfer_id } = await exchange(pair, 8, 16, { metadata: { offer: 'x' } });
    const other = await otherSideOf(transfer_id);
    await call(db, 'wallet_top_up', { wallet_id: pair.to_wallet, amount: 5, idem_key: newKey() });
    const idem_key = newKey();
    const request = {
      ...{ wallet_id: pair[by], transfer_id: by === 'from_wallet' ? transfer_id : other.id, idem_key },
    };

    const receipt = await call(db, 'wallet_reverse', request);

    expect(receipt).toMatchObject(
      by === 'from_wallet'
        ? { kind: 'reversal', amount: '8', bonus_amount: '5', balance: '15', bonus_balance: '5', replayed: false }
        : { kind: 'reversal', amount: '16', bonus_amount: '10', balance: '5', bonus_balance: '0', replayed: false },
    );
    expect(await partsOf(db, pair.from_wallet)).toEqual(there);
    expect(await partsOf(db, pair.to_wallet)).toEqual({ paid: 5 });
    const { rows } = await db.query(
      `select wallet_id, reverses, idem_key, requested_amount from ledger.transfers where kind = 'reversal' and id in ($1, $2) order by amount`,
      [receipt.transfer_id, (await otherSideOf(receipt.transfer_id)).id],
    );
    const key = (wallet: string) => (wallet === by ? idem_key : null);
    expect(rows).toEqual([
      { wallet_id: pair.from_wallet, reverses: transfer_id, idem_key: key('from_wallet'), requested_amount: null },
      { wallet_id: pair.to_wallet, reverses: other.id, idem_key: key('to_wallet'), requested_amount: null },
    ]);
    expect(await call(db, 'wallet_reverse', request)).toEqual({ ...receipt, replayed: true });
    for (const [wallet, id] of [
      [pair.from_wallet, transfer_id],
      [pair.to_wallet, other.id],
    ] as const)
      expect(await refusal(reverse(wallet, id))).toMatchObject({ code: 'WLREV', detail: { left: '0' } });
    expect(await refusal(reverse(pair[by], receipt.transfer_id))).toMatchObject({ code: 'WLREV' });
    await expectSound(db);
  });

  it('is reversed completely or not at all (WLREV)', async () => {
    const pair = await newPair({ bought: 10 });
    const { transfer_id } = await exchange(pair, 8, 16);
    const other = await otherSideOf(transfer_id);

    for (const amount of [1, 7, 9])
      expect(await refusal(reverse(pair.from_wallet, transfer_id, { amount }))).toMatchObject({
        code: 'WLREV',
        detail: { left: '8', requested: String(amount) },
        hint: 'An exchange is reversed as a whole: leave the amount out.',
      });
    expect(await refusal(reverse(pair.to_wallet, other.id, { amount: 8 }))).toMatchObject({ code: 'WLREV' });
    expect(await reverse(pair.to_wallet, other.id, { amount: 16 })).toMatchObject({ amount: '16', balance: '0' });
    await expectSound(db);
  });

  it.each([
    { what: 'is spent', gone: (wallet: string) => spend(wallet, 1), available: '15' },
    {
      what: 'is reserved',
      gone: (wallet: string) => call(db, 'wallet_hold', { wallet_id: wallet, amount: 3, idem_key: newKey() }),
      available: '13',
    },
    {
      what: 'is replaced by credits of another kind',
      gone: async (wallet: string) => {
        await spend(wallet, 6);
        await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 50, idem_key: newKey() });
      },
      available: '10',
    },
  ])('is refused where some of what arrived $what (WLFND)', async ({ gone, available }) => {
    const pair = await newPair({ bought: 10, bonus: 4 });
    const { transfer_id } = await exchange(pair, 8, 16);
    const before = await partsOf(db, pair.from_wallet);
    await gone(pair.to_wallet);

    expect(await refusal(reverse(pair.from_wallet, transfer_id))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id: pair.to_wallet, available, requested: '16', missing: String(16 - Number(available)) },
    });
    expect(await partsOf(db, pair.from_wallet)).toEqual(before);
  });

  it('restores lots that have expired since, which go to breakage at once', async () => {
    const pair = await newPair({ bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(pair.from_wallet, 3, expires_at);
    const { transfer_id } = await exchange(pair, 8, 16);
    await ageTo(db, expires_at);

    expect(await reverse(pair.from_wallet, transfer_id)).toMatchObject({ balance: '13', available: '10' });
    expect(await partsOf(db, pair.from_wallet)).toEqual({ paid: 10 });
    await expectSound(db);
  });

  it('is booked in frozen wallets, and in no closed one (WLCLS)', async () => {
    const [frozen, closed] = [await newPair({ bought: 10 }), await newPair({ bought: 10 })];
    const [one, two] = [await exchange(frozen, 8, 16), await exchange(closed, 10, 16)];
    for (const wallet of [frozen.from_wallet, frozen.to_wallet]) await setStatus(db, wallet, 'frozen');
    await setStatus(db, closed.from_wallet, 'closed');

    expect(await reverse(frozen.from_wallet, one.transfer_id)).toMatchObject({ balance: '10' });
    expect(await refusal(reverse(closed.to_wallet, (await otherSideOf(two.transfer_id)).id))).toMatchObject({
      code: 'WLCLS',
      detail: { wallet_id: closed.from_wallet },
    });
  });

  it('of another wallet is not found (WLNOT), nor for its other wallet', async () => {
    const pair = await newPair({ bought: 10 });
    const { transfer_id } = await exchange(pair, 8, 16);

    expect(await refusal(reverse(pair.to_wallet, transfer_id))).toMatchObject({ code: 'WLNOT' });
    expect(await refusal(reverse(pair.from_wallet, (await otherSideOf(transfer_id)).id))).toMatchObject({
      code: 'WLNOT',
    });
  });

  it('is an item of independent calls', async () => {
    const pair = await newPair({ bought: 10 });
    const { transfer_id } = await exchange(pair, 8, 16);
    const item = { kind: 'reversal', wallet_id: pair.from_wallet, transfer_id, idem_key: newKey() };

    expect(await postEach(db, [{ ...item, amount: 3 }, { ...item, idem_key: newKey() }, item], false)).toMatchObject([
      { refusal: { code: 'WLREV' } },
      { receipt: { kind: 'reversal', balance: '10' } },
      { refusal: { code: 'WLREV' } },
    ]);
    await expectSound(db);
  });
});

describe('wallet_exchange, in order of precedence,', () => {
  const good = { amount: 2, to_amount: 3 };

  /** Wallets with too few credits and at their maximum, with a used key; with the given status. */
  async function hopeless(status: 'open' | 'frozen' | 'closed'): Promise<Record<string, unknown>> {
    const { from_wallet, to_wallet } = await newPair({ bought: 2 });
    const idem_key = newKey();
    await exchange({ from_wallet, to_wallet }, 1, 1, { idem_key });
    await forceHead(db, to_wallet, { balance: MAX_BALANCE });
    if (status !== 'open') await setStatus(db, from_wallet, status);
    return { ...good, from_wallet, to_wallet, idem_key };
  }
  const nowhere = (more: object) => () =>
    Promise.resolve({
      ...{ ...good, from_wallet: UNKNOWN_WALLET, to_wallet: UNKNOWN_WALLET.replace(/0$/, '1'), idem_key: newKey() },
      ...more,
    });
  const at = (more: object) => async () => ({ ...(await hopeless('closed')), ...more });

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for no wallets, without a key`,
        detail: { amount },
        arrange: nowhere({ from_wallet: null, to_wallet: null, amount, to_amount: 0, idem_key: '', metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount ?? 'null'} for hopeless wallets`,
        detail: { amount },
        arrange: at({ amount }),
      },
      {
        code: 'WLAMT',
        what: `the amount that arrives ${amount ?? 'null'} for no wallets, without a key`,
        detail: { to_amount: amount },
        arrange: nowhere({ from_wallet: null, to_amount: amount, idem_key: '', metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount that arrives ${amount ?? 'null'} for hopeless wallets`,
        detail: { to_amount: amount },
        arrange: at({ to_amount: amount }),
      },
    ]),
    ...['from_wallet', 'to_wallet'].map((argument) => ({
      code: 'WLARG',
      what: `no ${argument}`,
      detail: { argument },
      arrange: nowhere({ [argument]: null }),
    })),
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for one unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: nowhere({ to_wallet: UNKNOWN_WALLET, idem_key }),
    })),
    ...BAD_METADATA.map((metadata) => ({
      code: 'WLARG',
      what: `the metadata ${metadata.slice(0, 10)} for hopeless wallets`,
      detail: { argument: 'metadata' },
      arrange: at({ metadata }),
    })),
    {
      code: 'WLSLF',
      what: 'one unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: nowhere({ to_wallet: UNKNOWN_WALLET }),
    },
    { code: 'WLNOW', what: 'unknown wallets', detail: { wallet_id: UNKNOWN_WALLET }, arrange: nowhere({}) },
    {
      code: 'WLNOW',
      what: 'an unknown wallet to arrive in, from a closed one',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: at({ to_wallet: UNKNOWN_WALLET }),
    },
    {
      code: 'WLARG',
      what: "another owner's wallet, from a closed one with a taken key",
      detail: { argument: 'to_wallet', same_owner: false },
      arrange: async () => ({ ...(await hopeless('closed')), to_wallet: (await newPair()).to_wallet }),
    },
    {
      code: 'WLARG',
      what: "another owner's wallet of the same asset",
      detail: { argument: 'to_wallet', same_owner: false },
      arrange: async () => {
        const { gold, from_wallet } = await newPair({ bought: 5 });
        return { ...good, from_wallet, to_wallet: await newWallet(db, gold), idem_key: newKey() };
      },
    },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed, poor wallet',
      detail: { field: 'amount', first: '1', again: '2' },
      arrange: at({}),
    },
    { code: 'WLCLS', what: 'a closed, poor wallet', detail: {}, arrange: () => at({ idem_key: newKey() })() },
    {
      code: 'WLFRZ',
      what: 'a frozen, poor wallet',
      detail: {},
      arrange: async () => ({ ...(await hopeless('frozen')), idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'a poor wallet and a full one',
      detail: { max: MAX_BALANCE, left: '0' },
      arrange: async () => ({ ...(await hopeless('open')), idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'a poor wallet',
      detail: { available: '1', requested: '2' },
      arrange: async () => ({
        ...good,
        ...(await newPair({ bought: 1 })),
        gold: undefined,
        gems: undefined,
        idem_key: newKey(),
      }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_exchange', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const { from_wallet, to_wallet } = await newPair({ bought: 5 });
    const request = { from_wallet, to_wallet, ...good, idem_key: newKey() };

    expect(await refusal(call(db, 'wallet_exchange', { ...request, amount }))).toMatchObject({ code });
    expect(await refusal(call(db, 'wallet_exchange', { ...request, to_amount: amount }))).toMatchObject({ code });
  });
});
