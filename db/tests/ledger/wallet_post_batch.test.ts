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
  passed,
  postBatch,
  type Receipt,
  refusal,
  type RefusalCase,
  rowsOf,
  type Session,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
  waitsForLock,
  type WalletRequest,
} from '../helpers.ts';

const EARLY = '2101-01-01T00:00:00Z';
const LATE = '2102-01-01T00:00:00Z';

const topUp = (wallet_id: string, amount: number, more: WalletRequest = {}): WalletRequest => ({
  kind: 'top_up',
  wallet_id,
  amount,
  idem_key: newKey(),
  ...more,
});
const bonus = (wallet_id: string, amount: number, more: WalletRequest = {}): WalletRequest => ({
  ...topUp(wallet_id, amount, more),
  kind: 'bonus',
});
const spend = (wallet_id: string, amount: number, more: WalletRequest = {}): WalletRequest => ({
  ...topUp(wallet_id, amount, more),
  kind: 'spend',
});
const transfer = (from: string, to: string, amount: number, more: WalletRequest = {}): WalletRequest => ({
  ...topUp(from, amount, more),
  kind: 'transfer',
  counterparty_id: to,
});

/** Grants these wallets bonus credits that have expired when it returns, without that being booked. */
async function giveDue(db: Session, wallets: string[], amount: number): Promise<void> {
  for (let ms = 50; ; ms *= 2) {
    const expires_at = await inMs(db, ms);
    try {
      await postBatch(
        db,
        wallets.map((wallet) => bonus(wallet, amount, { expires_at })),
      );
      await passed(db, expires_at);
      return;
    } catch (error) {
      // Give a slow machine more time.
      if (ms > 5000) throw error;
    }
  }
}

describe('wallet_post_batch', () => {
  const db = createDatabase();

  /** The parts of a wallet's balance, with their expiries. */
  async function parts(wallet_id: string): Promise<unknown[]> {
    const rows = await callAll<{ source: string; amount: string; expires_at: string | null }>(db, 'wallet_explain', {
      wallet_id,
    });
    return rows.map(({ source, amount, expires_at }) => [
      source,
      Number(amount),
      expires_at && new Date(expires_at).toISOString().slice(0, 10),
    ]);
  }

  async function entriesOf(wallet_id: string): Promise<unknown[]> {
    const { rows } = await db.query(
      'select seq, kind, debit, credit, amount, bonus_amount, balance from ledger.entries where wallet_id = $1 order by seq',
      [wallet_id],
    );
    return rows;
  }

  it('books each item with the balances after the items before, and returns receipts in order', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 1 })];
    const requests = [
      topUp(one, 100, { metadata: { order: 7 } }),
      bonus(one, 30),
      spend(one, 50),
      transfer(one, two, 60),
      spend(two, 61),
      topUp(two, 5),
    ];

    const receipts = await postBatch(db, requests);

    expect(receipts).toMatchObject([
      { wallet_id: one, seq: '1', kind: 'top_up', amount: '100', bonus_amount: '0', balance: '100', replayed: false },
      { wallet_id: one, seq: '2', kind: 'bonus', bonus_amount: '30', balance: '130', bonus_balance: '30' },
      { wallet_id: one, seq: '3', kind: 'spend', bonus_amount: '30', balance: '80', bonus_balance: '0' },
      { wallet_id: one, seq: '4', kind: 'transfer', bonus_amount: '0', balance: '20', available: '20' },
      { wallet_id: two, seq: '3', kind: 'spend', amount: '61', balance: '0', held_balance: '0', hold_id: null },
      { wallet_id: two, seq: '4', kind: 'top_up', amount: '5', balance: '5', replayed: false },
    ]);
    const { rows } = await db.query('select id, idem_key, metadata from ledger.transfers where wallet_id in ($1, $2)', [
      one,
      two,
    ]);
    for (const [index, { transfer_id }] of receipts.entries())
      expect(rows).toContainEqual({
        id: transfer_id,
        idem_key: requests[index]?.idem_key,
        metadata: requests[index]?.metadata ?? {},
      });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '106' },
      { account: 'promotions', debit: '30' },
      { account: 'revenue', credit: '111' },
      { account: 'breakage', credit: '0' },
      { account: 'players', credit: '25' },
    ]);
    await expectSound(db);
  });

  it("has house accounts in the wallet's own entries, one for each item", async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);

    await postBatch(db, [topUp(wallet, 10), bonus(wallet, 4), spend(wallet, 6), topUp(wallet, 1)]);

    expect(await entriesOf(wallet)).toMatchObject([
      { seq: '1', debit: 'treasury', credit: 'player', amount: '10', balance: '10' },
      { seq: '2', debit: 'promotions', credit: 'player', amount: '4', bonus_amount: '4', balance: '14' },
      { seq: '3', debit: 'player', credit: 'revenue', amount: '6', bonus_amount: '4', balance: '8' },
      { seq: '4', debit: 'treasury', credit: 'player', amount: '1', balance: '9' },
    ]);
    const { rows } = await db.query(
      'select count(*)::int as entries from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where w.asset_code = $1',
      [asset],
    );
    expect(rows).toEqual([{ entries: 4 }]);
  });

  it('books for several assets', async () => {
    const [first, second] = [await newAsset(db), await newAsset(db)];
    const [one, two] = [await newWallet(db, first), await newWallet(db, second)];

    await postBatch(db, [topUp(one, 3), topUp(two, 4), spend(one, 1), spend(two, 1)]);

    for (const [asset, bought] of [
      [first, '3'],
      [second, '4'],
    ])
      expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
        { account: 'treasury', debit: bought },
        {},
        { account: 'revenue', credit: '1' },
        {},
        { account: 'players' },
      ]);
    await expectSound(db);
  });

  it('books nothing for an empty list', async () => {
    const before = await rowsOf(db);

    expect(await postBatch(db, [])).toEqual([]);
    expect(await rowsOf(db)).toEqual(before);
  });

  it('accepts 10000 items', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const request = topUp(wallet, 1);

    const receipts = await postBatch(db, Array<WalletRequest>(10_000).fill(request));

    expect(receipts).toHaveLength(10_000);
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 1, entries: 1 });
  });

  it('treats empty metadata as none', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const request = topUp(wallet, 5, { metadata: null });

    const [receipt] = await postBatch(db, [request]);

    expect(await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 5, idem_key: request.idem_key })).toEqual({
      ...receipt,
      replayed: true,
    });
  });

  describe('with expiring credits', () => {
    it('reads in proportion to the lots of one expiry that it uses, or to one lot', async () => {
      const asset = await someAsset(db);
      const [many, one] = [await newWallet(db, asset), await newWallet(db, asset)];
      const expires_at = LATE;
      await postBatch(db, [
        ...Array.from({ length: 5000 }, () => bonus(many, 2, { expires_at })),
        bonus(one, 10_000, { expires_at }),
      ]);
      const session = await db.connectJob();
      await session.query('begin');

      await postBatch(session, [
        ...Array.from({ length: 3000 }, () => spend(many, 3)),
        ...Array.from({ length: 6000 }, () => spend(one, 1)),
      ]);

      // Measured: 7 for each of the 9,000. Counts rows, because the time depends on the machine's load.
      const { rows: counted } = await session.query<{ read: number }>(
        'select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as read from pg_stat_xact_all_tables',
      );
      await session.query('commit');
      expect(counted[0]?.read).toBeGreaterThan(9000);
      expect(counted[0]?.read).toBeLessThan(20 * 9000);
      const { rows } = await db.query<{ balance: string }>(
        'select b.balance from unnest($1::uuid[]) w, ledger.wallet_balance(w) b',
        [[many, one]],
      );
      expect(rows.map(({ balance }) => balance)).toEqual(['1000', '4000']);
      await expectSound(db);
    });

    it('spends the earliest expiry first, of lots of the same batch and of older ones', async () => {
      const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
      await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 5, idem_key: newKey(), expires_at: LATE });

      const receipts = await postBatch(db, [
        bonus(wallet, 20),
        bonus(wallet, 7, { expires_at: EARLY }),
        spend(wallet, 9),
        bonus(wallet, 3, { expires_at: EARLY }),
        spend(wallet, 4),
      ]);

      expect(receipts.map(({ bonus_amount }) => bonus_amount)).toEqual(['20', '7', '9', '3', '4']);
      expect(await parts(wallet)).toEqual([
        ['expiring_bonus', 2, '2102-01-01'],
        ['bonus', 20, null],
        ['paid', 10, null],
      ]);
      await expectSound(db);
    });

    it('moves them from wallet to wallet, with their expiries', async () => {
      const asset = await someAsset(db);
      const [a, b, c] = [
        await newWallet(db, asset, { bought: 10 }),
        await newWallet(db, asset),
        await newWallet(db, asset),
      ];
      await call(db, 'wallet_bonus', { wallet_id: a, amount: 5, idem_key: newKey(), expires_at: EARLY });

      const receipts = await postBatch(db, [
        bonus(b, 2, { expires_at: LATE }),
        bonus(a, 4, { expires_at: LATE }),
        transfer(a, b, 8),
        transfer(b, c, 7),
        transfer(c, a, 1),
      ]);

      expect(receipts.slice(2)).toMatchObject([
        { bonus_amount: '8', bonus_balance: '1', balance: '11' },
        { bonus_amount: '7', bonus_balance: '3', balance: '3' },
        { bonus_amount: '1', bonus_balance: '6', balance: '6' },
      ]);
      expect(await parts(a)).toEqual([
        ['expiring_bonus', 1, '2101-01-01'],
        ['expiring_bonus', 1, '2102-01-01'],
        ['paid', 10, null],
      ]);
      expect(await parts(b)).toEqual([['expiring_bonus', 3, '2102-01-01']]);
      expect(await parts(c)).toEqual([
        ['expiring_bonus', 4, '2101-01-01'],
        ['expiring_bonus', 2, '2102-01-01'],
      ]);
      await expectSound(db);
    });

    it('leaves reserved credits to their hold', async () => {
      const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
      await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 5, idem_key: newKey(), expires_at: EARLY });
      await call(db, 'wallet_hold', { wallet_id: wallet, amount: 3, idem_key: newKey() });

      const receipts = await postBatch(db, [spend(wallet, 4), spend(wallet, 8)]);

      expect(receipts).toMatchObject([
        { bonus_amount: '2', bonus_balance: '3', available: '8' },
        { bonus_amount: '0', bonus_balance: '3', held_balance: '3', available: '0' },
      ]);
      await expectSound(db);
    });

    it('books expiries of its wallets first, to breakage', async () => {
      const asset = await newAsset(db);
      const [one, two] = [
        await newWallet(db, asset, { bought: 10 }),
        await newWallet(db, asset, { bought: 10, bonus: 1 }),
      ];
      const expires_at = await inMs(db, 3_600_000);
      await call(db, 'wallet_hold', { wallet_id: two, amount: 8, idem_key: newKey(), expires_at });
      await call(db, 'wallet_bonus', { wallet_id: one, amount: 5, idem_key: newKey(), expires_at });
      await ageTo(db, expires_at);

      const receipts = await postBatch(db, [spend(one, 1), transfer(two, one, 11)]);

      expect(receipts).toMatchObject([
        { seq: '4', balance: '9', bonus_amount: '0' },
        { seq: '5', balance: '0', bonus_amount: '1', held_balance: '0' },
      ]);
      expect(await entriesOf(one)).toMatchObject([
        {},
        {},
        { kind: 'expiry', debit: 'player', credit: 'breakage', amount: '5' },
        {},
        { balance: '20' },
      ]);
      expect(await entriesOf(two)).toMatchObject([{}, {}, {}, { kind: 'release' }, {}]);
      await expectSound(db);
    });

    /**
     * The receipts of a batch that waits for a wallet to which another session grants 5 credits, which expire during the wait. Uncommitted
     * credits cannot be moved into the past; a slow machine gets more time.
     */
    async function afterWaiting(wallet: string, requests: WalletRequest[]): Promise<Receipt[]> {
      const [blocker, waiter] = [await db.connectJob(), await db.connectJob()];
      for (let ms = 300; ms < 60_000; ms *= 2) {
        const request = { wallet_id: wallet, amount: 5, idem_key: newKey(), expires_at: await inMs(db, ms) };
        await blocker.query('begin');
        const given = await call(blocker, 'wallet_bonus', request).catch(() => undefined);
        if (given) {
          await waiter.query('begin');
          const waiting = postBatch(waiter, requests);
          waiting.catch(() => undefined);
          await waitsForLock(db, waiter);
          const { rowCount: early } = await db.query('select where clock_timestamp() < $1', [request.expires_at]);
          if (early) {
            await passed(db, request.expires_at);
            await blocker.query('commit');
            const receipts = await waiting.finally(() => waiter.query('commit'));
            return receipts;
          }
          await blocker.query('rollback');
          await waiting.catch(() => undefined);
          await waiter.query('rollback');
        } else {
          await blocker.query('rollback');
        }
      }
      throw new Error('too slow');
    }

    it('cannot spend credits that expire while it waits for the wallet (WLFND)', async () => {
      const wallet = await newWallet(db, await newAsset(db), { bought: 1 });

      expect(await refusal(afterWaiting(wallet, [spend(wallet, 6)]))).toMatchObject({
        code: 'WLFND',
        detail: { available: '1', requested: '6', index: 0 },
      });
      await expectSound(db);
    });

    it('books what expired while it waited, and does not wait for a sweep of other wallets', async () => {
      const asset = await newAsset(db);
      const [wallet, other] = [await newWallet(db, asset, { bought: 1 }), await newWallet(db, asset)];
      const sweep = await db.connectJob();
      await giveDue(db, [other], 5);
      await sweep.query('begin');
      await sweep.query('select ledger.wallet_expire_due()');

      expect(await afterWaiting(wallet, [spend(wallet, 1)])).toMatchObject([{ balance: '0', bonus_amount: '0' }]);
      await sweep.query('commit');
      expect(await entriesOf(wallet)).toMatchObject([{}, {}, { kind: 'expiry', amount: '5' }, { kind: 'spend' }]);
      expect(await entriesOf(other)).toMatchObject([{}, { kind: 'expiry', amount: '5' }]);
      await expectSound(db);
    });
  });

  describe('repeated', () => {
    /** One item of each kind. */
    async function oneOfEach(): Promise<{ wallet: string; other: string; requests: WalletRequest[] }> {
      const asset = await newAsset(db);
      const [wallet, other] = [await newWallet(db, asset), await newWallet(db, asset)];
      return {
        wallet,
        other,
        requests: [
          topUp(wallet, 10, { metadata: { order: 1 } }),
          bonus(wallet, 5, { expires_at: LATE }),
          spend(wallet, 3),
          transfer(wallet, other, 4),
        ],
      };
    }

    it('replays the original receipts, after other movements, for wallets that are no longer open', async () => {
      const { wallet, other, requests } = await oneOfEach();
      const first = await postBatch(db, requests);
      await call(db, 'wallet_spend', { wallet_id: wallet, amount: 8, idem_key: newKey() });
      await setStatus(db, wallet, 'closed');
      await setStatus(db, other, 'frozen');
      const before = await rowsOf(db);

      const again = await postBatch(db, requests.toReversed());

      expect(again).toEqual(first.map((receipt) => ({ ...receipt, replayed: true })).toReversed());
      expect(await rowsOf(db)).toEqual(before);
    });

    it('books new items among replayed ones', async () => {
      const { wallet, requests } = await oneOfEach();
      const first = await postBatch(db, requests.slice(0, 2));

      const receipts = await postBatch(db, [spend(wallet, 1), ...requests.toReversed(), topUp(wallet, 2)]);

      expect(receipts).toMatchObject([
        { seq: '3', balance: '14', replayed: false },
        { seq: '4', kind: 'transfer', balance: '10', replayed: false },
        { seq: '5', kind: 'spend', balance: '7', replayed: false },
        { ...first[1], replayed: true },
        { ...first[0], replayed: true },
        { seq: '6', balance: '9', replayed: false },
      ]);
      await expectSound(db);
    });

    it('books a repeated item of one batch once', async () => {
      const wallet = await newWallet(db, await someAsset(db));
      const request = topUp(wallet, 10, { metadata: { order: 1 } });

      const receipts = await postBatch(db, [request, spend(wallet, 4), { ...request }, request]);

      const [first] = receipts;
      expect(receipts).toMatchObject([
        { seq: '1', balance: '10', replayed: false },
        { seq: '2', balance: '6', replayed: false },
        { ...first, replayed: true },
        { ...first, replayed: true },
      ]);
      expect(await rowsOf(db, wallet)).toEqual({ transfers: 2, entries: 2 });
    });

    it('separates the keys of different wallets', async () => {
      const asset = await someAsset(db);
      const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];

      expect(
        await postBatch(db, [topUp(one, 1, { idem_key: 'same' }), topUp(two, 2, { idem_key: 'same' })]),
      ).toMatchObject([
        { balance: '1', replayed: false },
        { balance: '2', replayed: false },
      ]);
    });

    it.each([
      { field: 'kind', other: { kind: 'bonus' }, detail: { first: 'top_up', again: 'bonus' } },
      { field: 'amount', other: { amount: 11 }, detail: { first: '10', again: '11' } },
      { field: 'metadata', other: { metadata: {} }, detail: { first: '{"order": 1}', again: '{}' } },
    ])('names $field where a key comes twice in one batch with another (WLKEY)', async ({ field, other, detail }) => {
      const wallet = await newWallet(db, await someAsset(db));
      const request = topUp(wallet, 10, { metadata: { order: 1 } });

      expect(
        await refusal(postBatch(db, [request, topUp(wallet, 1), request, { ...request, ...other }])),
      ).toMatchObject({ code: 'WLKEY', detail: { index: 3, field, idem_key: request.idem_key, ...detail } });
      expect(await rowsOf(db, wallet)).toEqual({ transfers: 0, entries: 0 });
    });

    it.each([
      { field: 'kind', place: 2, other: { kind: 'top_up' }, detail: { first: 'spend', again: 'top_up' } },
      { field: 'to_wallet', place: 3, other: {}, detail: {} },
      { field: 'amount', place: 0, other: { amount: 11 }, detail: { first: '10', again: '11' } },
      { field: 'expires_at', place: 1, other: { expires_at: null }, detail: { again: null } },
      { field: 'metadata', place: 0, other: { metadata: null }, detail: { first: '{"order": 1}', again: '{}' } },
    ])('names $field where a key comes again with another (WLKEY)', async ({ field, place, other, detail }) => {
      const { wallet, requests } = await oneOfEach();
      await postBatch(db, requests);
      const third = await newWallet(db, await someAsset(db));
      const counterparty = field === 'to_wallet' ? await sameAsset(wallet) : undefined;
      const again = { ...requests[place], ...other, ...(counterparty && { counterparty_id: counterparty }) };

      expect(await refusal(postBatch(db, [topUp(third, 1), again]))).toMatchObject({
        code: 'WLKEY',
        detail: { index: 1, field, ...detail, ...(counterparty && { again: counterparty }) },
      });
      expect(await rowsOf(db, third)).toEqual({ transfers: 0, entries: 0 });
    });

    async function sameAsset(wallet: string): Promise<string> {
      const { rows } = await db.query<{ asset_code: string }>('select asset_code from ledger.wallets where id = $1', [
        wallet,
      ]);
      return newWallet(db, rows[0]?.asset_code ?? '');
    }

    it('replays items that single calls have booked, and the reverse', async () => {
      const { wallet, other, requests } = await oneOfEach();
      const single = ({ kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata }: WalletRequest) =>
        call(
          db,
          `wallet_${kind ?? ''}`,
          kind === 'transfer'
            ? { from_wallet: wallet_id, to_wallet: counterparty_id, amount, idem_key }
            : { wallet_id, amount, idem_key, expires_at, metadata },
        );
      const singles: Receipt[] = [];
      for (const request of requests) singles.push(await single(request));
      const more = [
        topUp(wallet, 1),
        bonus(wallet, 2, { expires_at: EARLY }),
        spend(wallet, 1),
        transfer(wallet, other, 1),
      ];

      const batch = await postBatch(db, [...requests, ...more]);

      expect(batch.slice(0, 4)).toEqual(singles.map((receipt) => ({ ...receipt, replayed: true })));
      for (const [index, request] of more.entries())
        expect(await single(request)).toEqual({ ...batch[index + 4], replayed: true });
    });

    it('replays a bonus whose expiry has passed, without booking anything, not even expiries', async () => {
      const wallet = await newWallet(db, await someAsset(db), { bought: 1 });
      const soon = await inMs(db, 3_600_000);
      const requests = [bonus(wallet, 5, { expires_at: soon }), spend(wallet, 1)];
      const first = await postBatch(db, requests);
      const [expires_at, ...times] = await ageTo(db, soon, ...first.map(({ created_at }) => created_at));
      requests[0] = { ...requests[0], expires_at };
      for (const [index, created_at] of times.entries()) Object.assign(first[index] ?? {}, { created_at });
      const before = await rowsOf(db);

      expect(await postBatch(db, requests)).toEqual(first.map((receipt) => ({ ...receipt, replayed: true })));
      expect(await rowsOf(db)).toEqual(before);

      const [, , fresh] = await postBatch(db, [...requests, topUp(wallet, 2)]);
      expect(fresh).toMatchObject({ seq: '5', balance: '3', bonus_balance: '0' });
      await expectSound(db);
    });

    it('books a refused batch once there is enough', async () => {
      const wallet = await newWallet(db, await someAsset(db), { bought: 1 });
      const requests = [spend(wallet, 1), spend(wallet, 5)];
      expect(await refusal(postBatch(db, requests))).toMatchObject({ code: 'WLFND', detail: { index: 1 } });
      await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 5, idem_key: newKey() });

      expect(await postBatch(db, requests)).toMatchObject([{ replayed: false }, { balance: '0', replayed: false }]);
    });
  });

  describe('with limits', () => {
    it.each([
      { limit: 'max_daily_top_up', max: 30, item: topUp },
      { limit: 'max_daily_bonus', max: 10, item: bonus },
      { limit: 'max_daily_spend', max: 10, item: spend },
    ])('counts each item towards $limit (WLLIM)', async ({ limit, max, item }) => {
      const asset = await newAsset(db);
      const wallet = await newWallet(db, asset, { bought: 3, bonus: 3 });
      await call(db, 'wallet_spend', { wallet_id: wallet, amount: 3, idem_key: newKey() });
      await postBatch(db, [topUp(wallet, 20)]);
      await call(db, 'asset_limit_set', { asset_code: asset, [limit]: max });
      const items = [item(wallet, 4), item(wallet, 3)];

      const refused = await refusal(postBatch(db, [...items, item(wallet, 1)]));

      expect(refused).toMatchObject({ code: 'WLLIM', detail: { index: 2, limit, max: String(max), left: '0' } });
      expect(await postBatch(db, items)).toHaveLength(2);
    });

    it('judges the balances at each item (WLLIM)', async () => {
      const asset = await newAsset(db);
      const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
      await call(db, 'asset_limit_set', { asset_code: asset, max_balance: 10 });

      expect(await postBatch(db, [topUp(one, 10), spend(one, 5), bonus(one, 5), transfer(one, two, 10)])).toHaveLength(
        4,
      );
      expect(await refusal(postBatch(db, [topUp(one, 1), transfer(one, two, 1)]))).toMatchObject({
        code: 'WLLIM',
        detail: { index: 1, wallet_id: two, limit: 'max_balance', max: '10', left: '0' },
      });
    });

    it('applies the limits of each asset', async () => {
      const [limited, free] = [await newAsset(db), await newAsset(db)];
      const [one, two] = [await newWallet(db, limited), await newWallet(db, free)];
      await call(db, 'asset_limit_set', { asset_code: limited, max_balance: 10 });

      expect(await refusal(postBatch(db, [topUp(two, 11), topUp(one, 11)]))).toMatchObject({
        code: 'WLLIM',
        detail: { index: 1, wallet_id: one },
      });
    });
  });

  it.each(['repeatable read', 'serializable'])(
    'fails in a %s transaction if a wallet has new entries (40001)',
    async (level) => {
      const asset = await newAsset(db);
      const [one, two] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset)];
      const session = await db.connectJob();
      const refusedOf = async (requests: WalletRequest[], meanwhile: WalletRequest[]) => {
        await session.query(`begin isolation level ${level}`);
        await session.query('select count(*) from ledger.assets');
        await postBatch(db, meanwhile);
        const { code } = await refusal(postBatch(session, requests));
        await session.query('rollback');
        return code;
      };
      const again = topUp(one, 3);

      expect(await refusedOf([topUp(two, 1), spend(one, 1)], [topUp(one, 1)])).toBe('40001');
      expect(await refusedOf([transfer(one, two, 1)], [topUp(two, 1)])).toBe('40001');
      expect(await refusedOf([spend(one, 50)], [topUp(one, 1)])).toBe('40001');
      expect(await refusedOf([again], [again])).toBe('40001');
      expect(await postBatch(session, [spend(one, 10), again])).toMatchObject([{ balance: '0' }, { replayed: true }]);
      await expectSound(db);
    },
  );
});

describe('wallet_post_batch refuses', () => {
  const db = createDatabase();

  it('all of it if one item fails, and names the first one', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];
    const before = await rowsOf(db);

    const refused = await refusal(
      postBatch(db, [topUp(two, 5), spend(one, 4), spend(one, 7), transfer(two, UNKNOWN_WALLET, 1), topUp(two, 0)]),
    );

    expect(refused).toMatchObject({
      code: 'WLFND',
      message: 'insufficient funds: 6 available, 7 requested',
      detail: { index: 2, wallet_id: one, available: '6', requested: '7' },
    });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each([
    { what: 'was before', more: [] },
    { what: 'came in the batch', more: [3] },
  ])('what is held, of what $what (WLFND)', async ({ more }) => {
    const asset = await newAsset(db);
    const [wallet, friend] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];
    await call(db, 'wallet_hold', { wallet_id: wallet, amount: 6, idem_key: newKey() });
    const bought = more.map((amount) => topUp(wallet, amount));
    const left = more.reduce((sum, amount) => sum + amount, 4);

    for (const item of [spend(wallet, left + 1), transfer(wallet, friend, left + 1)]) {
      expect(await refusal(postBatch(db, [...bought, item]))).toMatchObject({
        code: 'WLFND',
        detail: { index: bought.length, wallet_id: wallet, available: String(left), requested: String(left + 1) },
      });
    }
    expect(await postBatch(db, [...bought, spend(wallet, left)])).toHaveLength(bought.length + 1);
  });

  it('an item that exceeds the maximum, whatever follows (WLLIM)', async () => {
    const asset = await newAsset(db);
    const [full, other] = [await newWallet(db, asset), await newWallet(db, asset)];
    await forceHead(db, full, { balance: MAX_BALANCE });

    expect(
      await refusal(postBatch(db, [topUp(full, 1), topUp(other, 0, { amount: `-${MAX_BALANCE}` })])),
    ).toMatchObject({
      code: 'WLLIM',
      detail: { index: 0, wallet_id: full },
    });
  });

  it.each([
    ['no list', 'null', null],
    ['10001 items', 'array_fill(null::ledger.wallet_request, array[10001])', 10001],
    ['a list of lists', 'array_fill(null::ledger.wallet_request, array[2, 2])', 4],
  ])('%s (WLARG)', async (_what, requests, length) => {
    expect(await refusal(db.query(`select * from ledger.wallet_post_batch(${requests})`))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'requests', length, max: 10000 },
    });
  });

  it('an item that is null (WLAMT)', async () => {
    expect(
      await refusal(db.query('select * from ledger.wallet_post_batch(array[null]::ledger.wallet_request[])')),
    ).toMatchObject({ code: 'WLAMT', detail: { index: 0, amount: null } });
  });

  it.each(['expiry', 'debt', null])('the kind %s (WLARG)', async (kind) => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });

    expect(await refusal(postBatch(db, [topUp(wallet, 1), topUp(wallet, 1, { kind })]))).toMatchObject({
      code: 'WLARG',
      detail: { index: 1, argument: 'kind' },
      hint: 'Send a kind whose single call you may call, such as top_up.',
    });
    expect(await refusal(postBatch(db, [topUp(wallet, 0, { kind })]))).toMatchObject({ code: 'WLAMT' });
  });

  it.each(['top_up', 'bonus', 'spend'])('a second wallet in a %s (WLARG)', async (kind) => {
    const asset = await someAsset(db);
    const [wallet, other] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];

    expect(
      await refusal(postBatch(db, [topUp(wallet, 1), topUp(wallet, 1, { kind, counterparty_id: other })])),
    ).toMatchObject({ code: 'WLARG', detail: { index: 1, argument: 'counterparty_id' } });
  });

  it.each(['top_up', 'spend', 'transfer'])('an expiry of a %s (WLARG)', async (kind) => {
    const asset = await someAsset(db);
    const [wallet, other] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];
    const counterparty_id = kind === 'transfer' ? other : null;

    expect(await refusal(postBatch(db, [topUp(wallet, 1, { kind, counterparty_id, expires_at: LATE })]))).toMatchObject(
      { code: 'WLARG', detail: { index: 0, argument: 'expires_at' } },
    );
  });

  describe('in order of precedence,', () => {
    interface Hopeless {
      from?: 'open' | 'frozen' | 'closed';
      to?: 'open' | 'frozen' | 'closed';
      full?: boolean;
    }

    /** A transfer with a used key, from an empty wallet to one at its maximum unless `full` is false. */
    async function hopeless({ from = 'open', to = 'open', full = true }: Hopeless = {}) {
      const asset = await someAsset(db);
      const [one, two] = [await newWallet(db, asset, { bought: 1 }), await newWallet(db, asset)];
      const request = transfer(one, two, 1);
      await postBatch(db, [request]);
      if (full) await forceHead(db, two, { balance: MAX_BALANCE });
      await setStatus(db, one, from);
      await setStatus(db, two, to);
      return request;
    }
    const unknown = transfer(UNKNOWN_WALLET, UNKNOWN_WALLET, 1);

    const table: (Omit<RefusalCase, 'arrange'> & { arrange: () => Promise<WalletRequest> })[] = [
      ...BAD_AMOUNTS.flatMap((amount) => [
        {
          code: 'WLAMT',
          what: `the amount ${amount ?? 'null'} for an unknown wallet to itself, without a key`,
          detail: { amount },
          arrange: () => Promise.resolve({ ...unknown, amount, idem_key: '', metadata: '[]', expires_at: 'infinity' }),
        },
        {
          code: 'WLAMT',
          what: `the amount ${amount ?? 'null'} for hopeless wallets`,
          detail: { amount },
          arrange: async () => ({ ...(await hopeless({ from: 'frozen', to: 'closed' })), amount, idem_key: null }),
        },
      ]),
      {
        code: 'WLARG',
        what: 'no wallet',
        detail: { argument: 'wallet_id' },
        arrange: () => Promise.resolve(topUp('', 1, { wallet_id: null })),
      },
      {
        code: 'WLARG',
        what: 'no wallet to leave',
        detail: { argument: 'from_wallet' },
        arrange: () => Promise.resolve({ ...unknown, wallet_id: null }),
      },
      {
        code: 'WLARG',
        what: 'no wallet to arrive in',
        detail: { argument: 'to_wallet' },
        arrange: () => Promise.resolve({ ...unknown, counterparty_id: null }),
      },
      ...BAD_KEYS.map((idem_key) => ({
        code: 'WLARG',
        what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet to itself`,
        detail: { argument: 'idem_key' },
        arrange: () => Promise.resolve({ ...unknown, idem_key }),
      })),
      ...['infinity', '-infinity'].map((expires_at) => ({
        code: 'WLARG',
        what: `the expiry ${expires_at} for an unknown wallet`,
        detail: { argument: 'expires_at' },
        arrange: () => Promise.resolve(bonus(UNKNOWN_WALLET, 1, { expires_at })),
      })),
      ...BAD_METADATA.map((metadata) => ({
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet to itself`,
        detail: { argument: 'metadata' },
        arrange: () => Promise.resolve({ ...unknown, metadata }),
      })),
      {
        code: 'WLSLF',
        what: 'an unknown wallet to itself',
        detail: { wallet_id: UNKNOWN_WALLET },
        arrange: () => Promise.resolve(unknown),
      },
      {
        code: 'WLSLF',
        what: 'a frozen, empty wallet to itself with a taken key',
        detail: {},
        arrange: async () => {
          const request = await hopeless({ from: 'frozen' });
          return { ...request, counterparty_id: request.wallet_id, amount: 2 };
        },
      },
      {
        code: 'WLNOW',
        what: 'an unknown wallet',
        detail: { wallet_id: UNKNOWN_WALLET },
        arrange: () => Promise.resolve(spend(UNKNOWN_WALLET, 1)),
      },
      {
        code: 'WLNOW',
        what: 'from a hopeless wallet with a taken key to an unknown one',
        detail: { wallet_id: UNKNOWN_WALLET },
        arrange: async () => ({
          ...(await hopeless({ from: 'closed' })),
          counterparty_id: UNKNOWN_WALLET,
          amount: 2,
        }),
      },
      {
        code: 'WLAST',
        what: 'from a hopeless wallet with a taken key to a closed one of another asset',
        detail: {},
        arrange: async () => {
          const other = await newWallet(db, await newAsset(db));
          await setStatus(db, other, 'closed');
          return { ...(await hopeless({ from: 'closed' })), counterparty_id: other, amount: 2 };
        },
      },
      {
        code: 'WLKEY',
        what: 'a taken key, from a closed, empty wallet to a closed, full one',
        detail: { field: 'amount', first: '1', again: '2' },
        arrange: async () => ({ ...(await hopeless({ from: 'closed', to: 'closed' })), amount: 2 }),
      },
      {
        code: 'WLARG',
        what: 'an expiry that has passed for a closed, full wallet',
        detail: { argument: 'expires_at' },
        arrange: async () => {
          const { counterparty_id } = await hopeless({ to: 'closed' });
          return bonus(counterparty_id ?? '', 1, { expires_at: '2000-01-01' });
        },
      },
      {
        code: 'WLFRZ',
        what: 'from a frozen, empty wallet to a closed, full one',
        detail: {},
        arrange: async () => ({
          ...(await hopeless({ from: 'frozen', to: 'closed' })),
          amount: 2,
          idem_key: newKey(),
        }),
      },
      {
        code: 'WLCLS',
        what: 'from a closed, empty wallet to a full one',
        detail: {},
        arrange: async () => ({
          ...(await hopeless({ from: 'closed', to: 'frozen' })),
          amount: 2,
          idem_key: newKey(),
        }),
      },
      {
        code: 'WLCLS',
        what: 'from an empty wallet to a closed, full one',
        detail: {},
        arrange: async () => ({ ...(await hopeless({ to: 'closed' })), amount: 2, idem_key: newKey() }),
      },
      {
        code: 'WLLIM',
        what: 'from an empty wallet to a full, frozen one',
        detail: { max: MAX_BALANCE, left: '0' },
        arrange: async () => ({ ...(await hopeless({ to: 'frozen' })), amount: 2, idem_key: newKey() }),
      },
      {
        code: 'WLFND',
        what: 'from an empty wallet',
        detail: { available: '0', requested: '2' },
        arrange: async () => ({ ...(await hopeless({ full: false })), amount: 2, idem_key: newKey() }),
      },
    ];

    it.each(table)('$what ($code)', async ({ code, arrange, detail }) => {
      const request = await arrange();
      const harmless = topUp(await newWallet(db, await someAsset(db)), 1);
      const before = await rowsOf(db);

      const refused = await refusal(postBatch(db, [harmless, request, topUp(UNKNOWN_WALLET, 0)]));

      expect(refused).toMatchObject({ code, detail: { index: 1, ...detail } });
      expect(refused.hint).not.toBe('');
      expect(await rowsOf(db)).toEqual(before);
    });
  });
});

describe('wallet_post_batch, beside other calls,', () => {
  const db = createDatabase();

  async function manyWallets(asset: string, count: number): Promise<string[]> {
    const { rows } = await db.query<{ id: string }>(
      'select (ledger.wallet_open(gen_random_uuid()::text, $1)).id from generate_series(1, $2)',
      [asset, count],
    );
    return rows.map(({ id }) => id);
  }

  it('does not make calls for other wallets of its assets wait, however long it stays open', async () => {
    const asset = await newAsset(db);
    const [inside, others] = [await manyWallets(asset, 1000), await manyWallets(asset, 100)];
    const [batch, other] = [await db.connectJob(), await db.connectAs('operator', 'support')];
    const [first = '', second = '', third = ''] = others;
    await giveDue(db, [inside[0] ?? '', third], 5);
    await batch.query('begin');
    await postBatch(
      batch,
      inside.flatMap((wallet, index) => [
        topUp(wallet, 10),
        bonus(wallet, 5, { expires_at: LATE }),
        spend(wallet, 2),
        transfer(wallet, inside[(index + 1) % 1000] ?? '', 1),
      ]),
    );
    await other.query("set lock_timeout = '10s'");
    const key = () => ({ idem_key: newKey() });

    for (const name of ['wallet_top_up', 'wallet_bonus', 'wallet_spend'])
      await other.query(`select ledger.${name}(w, 20, gen_random_uuid()::text) from unnest($1::uuid[]) w`, [others]);
    await call(other, 'wallet_transfer', { from_wallet: first, to_wallet: second, amount: 1, ...key() });
    const hold = await call(other, 'wallet_hold', { wallet_id: first, amount: 2, ...key() });
    await call(other, 'wallet_capture', { wallet_id: first, hold_id: hold.hold_id, ...key() });
    const { hold_id } = await call(other, 'wallet_hold', { wallet_id: first, amount: 2, ...key() });
    await call(other, 'wallet_release', { wallet_id: first, hold_id, ...key() });
    await call(other, 'wallet_reverse', { wallet_id: first, transfer_id: hold.transfer_id, ...key() }).catch(
      () => null,
    );
    const bought = await call(other, 'wallet_top_up', { wallet_id: first, amount: 5, ...key() });
    await call(other, 'wallet_reverse', { wallet_id: first, transfer_id: bought.transfer_id, ...key() });
    await call(other, 'wallet_spend', { wallet_id: third, amount: 1, ...key() });
    await call(other, 'wallet_open', { owner_id: newKey(), asset_code: asset });

    await batch.query('commit');
    const { rows } = await db.query(
      "select kind, amount from ledger.entries where wallet_id = $1 and kind = 'expiry'",
      [third],
    );
    expect(rows).toEqual([{ kind: 'expiry', amount: '5' }]);
    await expectSound(db);
  });

  it('in opposite orders, with single calls and the sweep: no deadlock, and nothing is lost', async () => {
    const asset = await newAsset(db);
    const wallets = await manyWallets(asset, 20);
    await postBatch(
      db,
      wallets.map((wallet) => topUp(wallet, 1000)),
    );
    await giveDue(db, wallets, 7);
    const pool = db.jobPool(24);
    const at = (place: number) => wallets[place % 20] ?? '';
    const ring = (step: number) =>
      wallets.flatMap((wallet, place) => [transfer(wallet, at(place + step), 3), topUp(wallet, 1), spend(wallet, 1)]);
    const turns = Array.from({ length: 12 }, (_, turn) => turn);

    const outcomes = await Promise.all(
      turns.flatMap((turn) => [
        postBatch(pool, ring(1 + turn)),
        postBatch(pool, ring(1 + turn).toReversed()),
        call(pool, 'wallet_transfer', {
          from_wallet: at(turn),
          to_wallet: at(turn + 7),
          amount: 2,
          idem_key: newKey(),
        }),
        call(pool, 'wallet_transfer', {
          from_wallet: at(turn + 7),
          to_wallet: at(turn),
          amount: 2,
          idem_key: newKey(),
        }),
        call(pool, 'wallet_spend', { wallet_id: at(turn), amount: 1, idem_key: newKey() }),
        call(pool, 'wallet_top_up', { wallet_id: at(turn), amount: 1, idem_key: newKey() }),
        pool.query('select ledger.wallet_expire_due()'),
      ]),
    );

    expect(outcomes).toHaveLength(84);
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '20492' },
      { account: 'promotions', debit: '140' },
      { account: 'revenue', credit: '492' },
      { account: 'breakage', credit: '140' },
      { account: 'players', credit: '20000' },
    ]);
    await expectSound(db);
  });

  it('64 times concurrently, is booked once', async () => {
    const asset = await newAsset(db);
    const wallets = await manyWallets(asset, 10);
    const pool = db.jobPool(64);
    const requests = wallets.flatMap((wallet) => [bonus(wallet, 5, { expires_at: LATE }), spend(wallet, 2)]);

    const answers = await Promise.all(Array.from({ length: 64 }, () => postBatch(pool, requests)));

    const first = answers.filter((receipts) => receipts.every(({ replayed }) => !replayed));
    const again = answers.filter((receipts) => receipts.every(({ replayed }) => replayed));
    expect(first).toHaveLength(1);
    expect(again).toEqual(Array(63).fill(first[0]?.map((receipt) => ({ ...receipt, replayed: true }))));
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury' },
      { account: 'promotions', debit: '50' },
      { account: 'revenue', credit: '20' },
      { account: 'breakage' },
      { account: 'players', credit: '30' },
    ]);
    await expectSound(db);
  });
});
