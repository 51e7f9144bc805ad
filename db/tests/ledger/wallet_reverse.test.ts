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
  type Receipt,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  someAsset,
  UNKNOWN_WALLET,
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';

const UNKNOWN_TRANSFER = '00000000-0000-7000-8000-000000000000';
const IN_2100 = '2100-06-01T00:00:00Z';
const IN_2101 = '2101-06-01T00:00:00Z';

describe('wallet_reverse', () => {
  const db = createDatabase();

  const reverse = (wallet_id: string, transfer_id: string, amount?: number) =>
    call(db, 'wallet_reverse', { wallet_id, transfer_id, amount, idem_key: newKey() });
  const bonus = (wallet_id: string, amount: number, expires_at?: string) =>
    call(db, 'wallet_bonus', { wallet_id, amount, expires_at, idem_key: newKey() });
  const spend = (wallet_id: string, amount: number) =>
    call(db, 'wallet_spend', { wallet_id, amount, idem_key: newKey() });
  const hold = (wallet_id: string, amount: number) =>
    call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey() });
  const transfer = (from_wallet: string, to_wallet: string, amount: number) =>
    call(db, 'wallet_transfer', { from_wallet, to_wallet, amount, idem_key: newKey() });

  /** A movement of 10 of each reversible kind, in a wallet with enough credits. */
  const originals: { kind: string; book: () => Promise<Receipt> }[] = [
    {
      kind: 'top_up',
      book: async () =>
        call(db, 'wallet_top_up', {
          wallet_id: await newWallet(db, await someAsset(db), { bought: 5 }),
          amount: 10,
          idem_key: newKey(),
        }),
    },
    { kind: 'bonus', book: async () => bonus(await newWallet(db, await someAsset(db), { bought: 5 }), 10) },
    {
      kind: 'bonus with an expiry',
      book: async () => bonus(await newWallet(db, await someAsset(db), { bought: 5, bonus: 5 }), 10, IN_2100),
    },
    {
      kind: 'spend',
      book: async () => spend(await newWallet(db, await someAsset(db), { bought: 8, bonus: 4 }), 10),
    },
    {
      kind: 'capture',
      book: async () => {
        const wallet_id = await newWallet(db, await someAsset(db), { bought: 8, bonus: 4 });
        const { hold_id } = await hold(wallet_id, 11);
        return call(db, 'wallet_capture', { wallet_id, hold_id, amount: 10, idem_key: newKey() });
      },
    },
    {
      kind: 'transfer',
      book: async () => {
        const asset = await someAsset(db);
        const from = await newWallet(db, asset, { bought: 8, bonus: 2 });
        await bonus(from, 2, IN_2100);
        return transfer(from, await newWallet(db, asset), 10);
      },
    },
  ];

  it.each(originals)('reverses a $kind between its accounts and wallets', async ({ book }) => {
    const original = await book();
    const { rows: before } = await db.query<{ balance: string; bonus_balance: string }>(
      'select balance, bonus_balance from ledger.entries where wallet_id = $1 and seq = $2::bigint - 1',
      [original.wallet_id, original.seq],
    );

    const receipt = await call(db, 'wallet_reverse', {
      wallet_id: original.wallet_id,
      transfer_id: original.transfer_id,
      idem_key: newKey(),
      metadata: { reason: 'returned' },
    });

    expect(receipt).toMatchObject({
      wallet_id: original.wallet_id,
      seq: String(Number(original.seq) + 1),
      kind: 'reversal',
      amount: '10',
      bonus_amount: original.bonus_amount,
      ...before[0],
      held_balance: '0',
      available: before[0]?.balance,
      hold_id: null,
      replayed: false,
    });
    const { rows } = await db.query(
      `select r.reverses = o.id and (r.debit_wallet_id, r.credit_wallet_id) is not distinct from (o.credit_wallet_id, o.debit_wallet_id)
           and (re.debit, re.credit) = (oe.credit, oe.debit) as swapped,
         r.hold_id, r.metadata
       from ledger.transfers r join ledger.entries re on re.transfer_id = r.id and re.actor is not null,
         ledger.transfers o join ledger.entries oe on oe.transfer_id = o.id and oe.actor is not null
       where r.id = $1 and o.id = $2`,
      [receipt.transfer_id, original.transfer_id],
    );
    expect(rows).toEqual([{ swapped: true, hold_id: null, metadata: { reason: 'returned' } }]);
    await expectSound(db);
  });

  it.each(originals)('reverses a $kind in parts, the last one being the rest', async ({ book }) => {
    const { wallet_id, transfer_id, bonus_amount } = await book();

    const first = await reverse(wallet_id, transfer_id, 3);
    const second = await reverse(wallet_id, transfer_id, 2);
    const tooMuch = await refusal(reverse(wallet_id, transfer_id, 6));
    const last = await reverse(wallet_id, transfer_id);
    const none = await refusal(reverse(wallet_id, transfer_id));

    expect([first.amount, second.amount, last.amount]).toEqual(['3', '2', '5']);
    expect([first, second, last].reduce((sum, part) => sum + Number(part.bonus_amount), 0)).toBe(Number(bonus_amount));
    expect(tooMuch).toMatchObject({ code: 'WLREV', detail: { wallet_id, transfer_id, left: '5', requested: '6' } });
    expect(none).toMatchObject({ code: 'WLREV', detail: { wallet_id, transfer_id, left: '0', requested: null } });
    await expectSound(db);
  });

  it('books against the accounts of the original', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    const bought = await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 20, idem_key: newKey() });
    const granted = await bonus(wallet, 10);
    const spent = await spend(wallet, 12);

    await reverse(wallet, spent.transfer_id, 5);
    await reverse(wallet, granted.transfer_id, 1);
    await reverse(wallet, bought.transfer_id, 4);

    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '16' },
      { account: 'promotions', debit: '9' },
      { account: 'revenue', credit: '7' },
      { account: 'breakage', credit: '0' },
      { account: 'players', credit: '18' },
    ]);
    await expectSound(db);
  });

  it.each(['spend', 'capture'])(
    'returns a %s in the reverse order of spending: paid, bonus, then the latest expiry',
    async (kind) => {
      const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 4 });
      await bonus(wallet_id, 3, IN_2101);
      await bonus(wallet_id, 2, IN_2100);
      const original =
        kind === 'spend'
          ? await spend(wallet_id, 15)
          : await call(db, 'wallet_capture', {
              wallet_id,
              hold_id: (await hold(wallet_id, 15)).hold_id,
              idem_key: newKey(),
            });
      const steps: unknown[] = [];
      for (const amount of [4, 2, 1, 3, 2, 2, 1]) {
        const { bonus_amount } = await reverse(wallet_id, original.transfer_id, amount);
        steps.push([bonus_amount, await partsOf(db, wallet_id)]);
      }

      expect(steps).toEqual([
        ['0', { paid: 8 }],
        ['0', { paid: 10 }],
        ['1', { paid: 10, bonus: 1 }],
        ['3', { paid: 10, bonus: 4 }],
        ['2', { paid: 10, bonus: 4, 2101: 2 }],
        ['2', { paid: 10, bonus: 4, 2101: 3, 2100: 1 }],
        ['1', { paid: 10, bonus: 4, 2101: 3, 2100: 2 }],
      ]);
      await expectSound(db);
    },
  );

  it('returns bonus credits to their own lots: they are spent by their expiry again', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await bonus(wallet, 5, IN_2100);
    const spent = await spend(wallet, 5);
    await bonus(wallet, 5, IN_2101);

    await reverse(wallet, spent.transfer_id, 4);

    expect(await partsOf(db, wallet)).toEqual({ 2100: 4, 2101: 5 });
    await spend(wallet, 6);
    expect(await partsOf(db, wallet)).toEqual({ 2101: 3 });
    await expectSound(db);
  });

  it('of a capture never reopens the hold', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5, bonus: 5 });
    const { hold_id } = await hold(wallet_id, 8);
    const captured = await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() });

    const receipt = await reverse(wallet_id, captured.transfer_id);

    expect(receipt).toMatchObject({ balance: '10', held_balance: '0', available: '10', hold_id: null });
    expect(await refusal(call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() }))).toMatchObject({
      code: 'WLHLD',
      detail: { status: 'captured' },
    });
    await expectSound(db);
  });

  it('of a partial capture returns what was captured, not what was held', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await bonus(wallet_id, 10, IN_2100);
    const { hold_id } = await hold(wallet_id, 8);
    const captured = await call(db, 'wallet_capture', { wallet_id, hold_id, amount: 3, idem_key: newKey() });

    expect(await refusal(reverse(wallet_id, captured.transfer_id, 4))).toMatchObject({ code: 'WLREV' });
    await reverse(wallet_id, captured.transfer_id);

    expect(await partsOf(db, wallet_id)).toEqual({ 2100: 10 });
    await expectSound(db);
  });

  it('of a top-up takes paid credits that are not reserved, and nothing else (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bonus: 6 });
    const bought = await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    await hold(wallet_id, 9); // 6 bonus credits and 3 paid ones
    await bonus(wallet_id, 50);

    expect(await refusal(reverse(wallet_id, bought.transfer_id))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id, available: '7', requested: '10', missing: '3' },
    });
    expect(await reverse(wallet_id, bought.transfer_id, 7)).toMatchObject({ balance: '59', bonus_amount: '0' });
    expect(await refusal(reverse(wallet_id, bought.transfer_id, 1))).toMatchObject({
      code: 'WLFND',
      detail: { available: '0', requested: '1', missing: '1' },
    });
    await expectSound(db);
  });

  it('of a bonus takes what is left of its own lot, and nothing else (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 50, bonus: 50 });
    const granted = await bonus(wallet_id, 10, IN_2100);
    await bonus(wallet_id, 50, IN_2100);
    await spend(wallet_id, 2);
    await hold(wallet_id, 3);

    expect(await refusal(reverse(wallet_id, granted.transfer_id))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id, available: '5', requested: '10', missing: '5' },
    });
    expect(await reverse(wallet_id, granted.transfer_id, 5)).toMatchObject({ bonus_amount: '5', bonus_balance: '103' });
    expect(await refusal(reverse(wallet_id, granted.transfer_id, 1))).toMatchObject({
      code: 'WLFND',
      detail: { available: '0', missing: '1' },
    });
    await expectSound(db);
  });

  it('of a bonus without expiry takes no credits that expire (WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 50 });
    const granted = await bonus(wallet_id, 10);
    await spend(wallet_id, 4);
    await bonus(wallet_id, 50, IN_2100);

    expect(await refusal(reverse(wallet_id, granted.transfer_id, 7))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id, available: '6', requested: '7', missing: '1' },
    });
    await reverse(wallet_id, granted.transfer_id, 6);

    expect(await partsOf(db, wallet_id)).toEqual({ paid: 50, 2100: 50 });
    await expectSound(db);
  });

  it('of a transfer takes paid credits first, then its lots, the latest expiry first', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 9, bonus: 4 }), await newWallet(db, asset)];
    await bonus(from, 3, IN_2101);
    await bonus(from, 2, IN_2100);
    await bonus(to, 7, IN_2100);
    const sent = await transfer(from, to, 15);
    const steps: unknown[] = [];
    for (const amount of [5, 3, 4, 3]) {
      await reverse(from, sent.transfer_id, amount);
      steps.push([await partsOf(db, from), await partsOf(db, to)]);
    }

    expect(steps).toEqual([
      [{ paid: 8 }, { paid: 1, bonus: 4, 2100: 9, 2101: 3 }],
      [
        { paid: 9, bonus: 2 },
        { bonus: 2, 2100: 9, 2101: 3 },
      ],
      [
        { paid: 9, bonus: 4, 2101: 2 },
        { 2100: 9, 2101: 1 },
      ],
      [{ paid: 9, bonus: 4, 2101: 3, 2100: 2 }, { 2100: 7 }],
    ]);
    await expectSound(db);
  });

  it('of a transfer names the receiver if the credits are gone (WLFND)', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset, { bonus: 50 })];
    const sent = await transfer(from, to, 10);
    await spend(to, 54);

    expect(await refusal(reverse(from, sent.transfer_id))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id: to, available: '6', requested: '10', missing: '4' },
    });
    expect(await reverse(from, sent.transfer_id, 6)).toMatchObject({ wallet_id: from, balance: '6' });
    await expectSound(db);
  });

  it("is refused for another wallet's transfer, also for the receiver of one (WLNOT)", async () => {
    const asset = await someAsset(db);
    const [from, to, third] = [
      await newWallet(db, asset, { bought: 10 }),
      await newWallet(db, asset),
      await newWallet(db, asset),
    ];
    const { transfer_id } = await transfer(from, to, 10);

    for (const wallet_id of [to, third])
      expect(await refusal(reverse(wallet_id, transfer_id))).toMatchObject({
        code: 'WLNOT',
        detail: { wallet_id, transfer_id },
      });
    expect(await rowsOf(db, to)).toEqual({ transfers: 0, entries: 1 });
  });

  it('leaves the lifetime totals unchanged', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const bought = await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    const granted = await bonus(wallet_id, 5);
    const spent = await spend(wallet_id, 8);
    const { hold_id } = await hold(wallet_id, 2);
    const captured = await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() });

    for (const { transfer_id } of [captured, spent, granted, bought]) await reverse(wallet_id, transfer_id);

    const { rows } = await db.query(
      'select balance, topped_up_total, granted_total, spent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [wallet_id],
    );
    expect(rows).toEqual([{ balance: '0', topped_up_total: '10', granted_total: '5', spent_total: '10' }]);
  });

  it('has the counterparty of the original in the history', async () => {
    const asset = await someAsset(db);
    const [wallet_id, to] = [await newWallet(db, asset), await newWallet(db, asset)];
    const bought = await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    const granted = await bonus(wallet_id, 5);
    const spent = await spend(wallet_id, 2);
    const sent = await transfer(wallet_id, to, 3);

    for (const { transfer_id } of [sent, spent, granted, bought]) await reverse(wallet_id, transfer_id, 1);

    const lines = await callAll<{ kind: string; counterparty: string }>(db, 'wallet_history', { wallet_id });
    expect(lines.slice(4).map(({ kind, counterparty }) => [kind, counterparty])).toEqual([
      ['reversal', to],
      ['reversal', 'revenue'],
      ['reversal', 'promotions'],
      ['reversal', 'treasury'],
    ]);
    expect((await callAll(db, 'wallet_history', { wallet_id: to })).at(-1)).toMatchObject({
      kind: 'reversal',
      side: 'debit',
      counterparty: wallet_id,
    });
  });

  it.each([undefined, 4])(
    'replays the original receipt after all that is left was reversed: amount %s',
    async (amount) => {
      const asset = await someAsset(db);
      const [wallet_id, to] = [await newWallet(db, asset, { bought: 10, bonus: 2 }), await newWallet(db, asset)];
      const { transfer_id } = await transfer(wallet_id, to, 6);
      const request = { wallet_id, transfer_id, idem_key: newKey(), amount, metadata: { ticket: 7 } };
      const first = await call(db, 'wallet_reverse', request);
      if (amount) await reverse(wallet_id, transfer_id);
      await spend(wallet_id, 12);
      await setStatus(db, wallet_id, 'closed');
      await setStatus(db, to, 'closed');
      const before = await rowsOf(db);

      const again = await call(db, 'wallet_reverse', request);

      expect(first).toMatchObject({ amount: String(amount ?? 6), replayed: false });
      expect(again).toEqual({ ...first, replayed: true });
      expect(await rowsOf(db)).toEqual(before);
    },
  );

  it('books one reversal for concurrent calls with one key', async () => {
    const { wallet_id, transfer_id } = await spend(await newWallet(db, await someAsset(db), { bought: 10 }), 10);
    const sessions = await Promise.all(Array.from({ length: 8 }, () => db.connectAs('operator', 'op')));
    const request = { wallet_id, transfer_id, idem_key: newKey() };

    const receipts = await Promise.all(sessions.map((session) => call(session, 'wallet_reverse', request)));

    const first = receipts.find((receipt) => !receipt.replayed);
    expect(receipts.filter((receipt) => receipt.replayed)).toEqual(Array(7).fill({ ...first, replayed: true }));
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 3, entries: 3 });
  });

  it('names the field if another request reuses the key (WLKEY)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const [one, two] = [await spend(wallet_id, 4), await spend(wallet_id, 4)];
    const request = { wallet_id, transfer_id: one.transfer_id, idem_key: newKey(), amount: 4, metadata: { ticket: 7 } };
    const whole = { wallet_id, transfer_id: two.transfer_id, idem_key: newKey() };
    await call(db, 'wallet_reverse', request);
    await call(db, 'wallet_reverse', whole);
    const again = (other: Record<string, unknown>) => refusal(call(db, 'wallet_reverse', other));

    expect(await again({ ...request, transfer_id: two.transfer_id })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'transfer_id', first: one.transfer_id, again: two.transfer_id },
    });
    expect(await again({ ...request, amount: 3 })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount', first: '4', again: '3' },
    });
    expect(await again({ ...request, amount: undefined })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount', first: '4', again: null },
    });
    expect(await again({ ...whole, amount: 4 })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount', first: null, again: '4' },
    });
    expect(await again({ ...request, metadata: {} })).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'metadata', first: '{"ticket": 7}', again: '{}' },
    });
    const top_up = { wallet_id, amount: 4, idem_key: request.idem_key, metadata: request.metadata };
    expect(await refusal(call(db, 'wallet_top_up', top_up))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'kind', first: 'reversal', again: 'top_up' },
    });
  });

  it('is for operators, and recorded with the actor (42501)', async () => {
    const { wallet_id, transfer_id } = await spend(await newWallet(db, await someAsset(db), { bought: 10 }), 10);
    const request = { wallet_id, transfer_id, idem_key: newKey() };

    for (const session of [await db.connectAs('service', 'shop'), await db.connectJob()])
      expect(await refusal(call(session, 'wallet_reverse', request))).toMatchObject({ code: '42501' });
    const receipt = await call(await db.connectAs('operator', 'ann'), 'wallet_reverse', request);

    const { rows } = await db.query('select actor from ledger.transfers where id = $1', [receipt.transfer_id]);
    expect(rows).toEqual([{ actor: 'operator:ann' }]);
  });
});

describe('wallet_reverse, in order of precedence,', () => {
  const db = createDatabase();

  interface Hopeless {
    from?: 'open' | 'closed';
    to?: 'open' | 'closed';
    full?: boolean;
  }

  /** A transfer of 3, of which 1 was reversed before and whose receiver has spent the rest; the key is that of the transfer. */
  async function hopeless({ from = 'open', to = 'open', full = true }: Hopeless): Promise<{
    wallet_id: string;
    transfer_id: string;
    idem_key: string;
    to: string;
  }> {
    const asset = await someAsset(db);
    const [wallet_id, other] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset)];
    const idem_key = newKey();
    const { transfer_id } = await call(db, 'wallet_transfer', {
      from_wallet: wallet_id,
      to_wallet: other,
      amount: 3,
      idem_key,
    });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id, amount: 1, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id: other, amount: 2, idem_key: newKey() });
    if (full) await forceHead(db, wallet_id, { balance: MAX_BALANCE, topped_up_total: '5' });
    if (from !== 'open') await setStatus(db, wallet_id, from);
    if (to !== 'open') await setStatus(db, other, to);
    return { wallet_id, transfer_id, idem_key, to: other };
  }

  const ask = async (what: Hopeless, more: object) => {
    const { wallet_id, transfer_id, idem_key } = await hopeless(what);
    return { wallet_id, transfer_id, idem_key, ...more };
  };
  const closed: Hopeless = { from: 'closed', to: 'closed' };

  const table: RefusalCase[] = [
    ...BAD_AMOUNTS.filter((amount) => amount !== null).flatMap((amount) => [
      {
        code: 'WLAMT',
        what: `the amount ${amount} for no wallet and no transfer, without a key`,
        detail: { amount },
        arrange: () => Promise.resolve({ wallet_id: null, transfer_id: null, amount, idem_key: '', metadata: '[]' }),
      },
      {
        code: 'WLAMT',
        what: `the amount ${amount} of a hopeless transfer`,
        detail: { amount },
        arrange: () => ask(closed, { amount, metadata: null }),
      },
    ]),
    {
      code: 'WLARG',
      what: 'no wallet',
      detail: { argument: 'wallet_id' },
      arrange: () => Promise.resolve({ wallet_id: null, transfer_id: UNKNOWN_TRANSFER, idem_key: newKey() }),
    },
    {
      code: 'WLARG',
      what: 'no transfer of an unknown wallet',
      detail: { argument: 'transfer_id' },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, transfer_id: null, idem_key: newKey() }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, transfer_id: UNKNOWN_TRANSFER, idem_key }),
    })),
    ...BAD_METADATA.flatMap((metadata) => [
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet`,
        detail: { argument: 'metadata' },
        arrange: () =>
          Promise.resolve({
            wallet_id: UNKNOWN_WALLET,
            transfer_id: UNKNOWN_TRANSFER,
            idem_key: newKey(),
            metadata,
          }),
      },
      {
        code: 'WLARG',
        what: `the metadata ${metadata.slice(0, 10)} for a hopeless transfer`,
        detail: { argument: 'metadata' },
        arrange: () => ask(closed, { amount: 4, metadata }),
      },
    ]),
    {
      code: 'WLNOW',
      what: 'an unknown transfer of an unknown wallet',
      detail: { wallet_id: UNKNOWN_WALLET },
      arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, transfer_id: UNKNOWN_TRANSFER, idem_key: newKey() }),
    },
    {
      code: 'WLNOT',
      what: 'an unknown transfer of a closed wallet with a taken key',
      detail: { transfer_id: UNKNOWN_TRANSFER },
      arrange: () => ask(closed, { transfer_id: UNKNOWN_TRANSFER, amount: 4 }),
    },
    {
      code: 'WLNOT',
      what: 'a hopeless transfer, of its closed receiver',
      detail: {},
      arrange: async () => {
        const { to, transfer_id } = await hopeless(closed);
        return { wallet_id: to, transfer_id, amount: 4, idem_key: newKey() };
      },
    },
    {
      code: 'WLKEY',
      what: 'more than is left between closed wallets with a taken key',
      detail: { field: 'kind', first: 'transfer', again: 'reversal' },
      arrange: () => ask(closed, { amount: 4 }),
    },
    {
      code: 'WLCLS',
      what: 'more than is left into a closed, full wallet',
      detail: {},
      arrange: () => ask({ from: 'closed' }, { amount: 4, idem_key: newKey() }),
    },
    {
      code: 'WLCLS',
      what: 'more than is left out of a closed, empty wallet into a full one',
      detail: {},
      arrange: () => ask({ to: 'closed' }, { amount: 4, idem_key: newKey() }),
    },
    {
      code: 'WLREV',
      what: 'more than is left out of an empty wallet into a full one',
      detail: { kind: 'transfer', left: '2', requested: '3' },
      arrange: () => ask({}, { amount: 3, idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'what is left, out of an empty wallet into a full one',
      detail: { max: MAX_BALANCE, left: '0' },
      arrange: () => ask({}, { idem_key: newKey() }),
    },
    {
      code: 'WLFND',
      what: 'what is left, out of an empty wallet',
      detail: { available: '0', requested: '2', missing: '2' },
      arrange: () => ask({ full: false }, { idem_key: newKey() }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_reverse', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const { to, ...request } = await hopeless({ full: false });

    expect(await refusal(call(db, 'wallet_reverse', { ...request, idem_key: newKey(), amount }))).toMatchObject({
      code,
    });
    expect(await rowsOf(db, to)).toEqual({ transfers: 1, entries: 3 });
  });

  it('names which of the two wallets is closed (WLCLS)', async () => {
    const [sender, receiver] = [await hopeless({ from: 'closed' }), await hopeless({ to: 'closed' })];
    const reverse = ({ wallet_id, transfer_id }: typeof sender) =>
      refusal(call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey() }));

    expect(await reverse(sender)).toMatchObject({ code: 'WLCLS', detail: { wallet_id: sender.wallet_id } });
    expect(await reverse(receiver)).toMatchObject({ code: 'WLCLS', detail: { wallet_id: receiver.to } });
  });

  it.each([
    {
      kind: 'reversal',
      book: async (wallet_id: string) => {
        const { transfer_id } = await call(db, 'wallet_spend', { wallet_id, amount: 5, idem_key: newKey() });
        return call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey() });
      },
    },
    {
      kind: 'hold',
      book: (wallet_id: string) => call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() }),
    },
    {
      kind: 'release',
      book: async (wallet_id: string) => {
        const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() });
        return call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });
      },
    },
    {
      kind: 'expiry',
      book: async (wallet_id: string) => {
        const expires_at = await inMs(db, 3_600_000);
        await call(db, 'wallet_bonus', { wallet_id, amount: 5, expires_at, idem_key: newKey() });
        await ageTo(db, expires_at);
        await callAll(db, 'wallet_expire_due', {});
        const { rows } = await db.query<{ transfer_id: string }>(
          "select id as transfer_id from ledger.transfers where wallet_id = $1 and kind = 'expiry'",
          [wallet_id],
        );
        if (!rows[0]) throw new Error('nothing has expired');
        return rows[0];
      },
    },
  ])('takes no $kind back (WLREV)', async ({ kind, book }) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const { transfer_id } = await book(wallet_id);
    const before = await rowsOf(db);

    for (const amount of [undefined, 1])
      expect(
        await refusal(call(db, 'wallet_reverse', { wallet_id, transfer_id, amount, idem_key: newKey() })),
      ).toMatchObject({ code: 'WLREV', detail: { wallet_id, transfer_id, kind, left: '0' } });
    expect(await rowsOf(db)).toEqual(before);
  });
});
