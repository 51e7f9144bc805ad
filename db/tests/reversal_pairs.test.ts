/** Reversals where another feature is at work on the same credits, or another caller. */
import pg from 'pg';
import { ageTo } from './aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  newKey,
  newWallet,
  partsOf,
  type Receipt,
  refusal,
  rowsOf,
  type Session,
  someAsset,
  waitsForLock,
} from './helpers.ts';

const IN_2100 = '2100-06-01T00:00:00Z';
const IN_2101 = '2101-06-01T00:00:00Z';

const db = createDatabase();

const topUp = (session: Session, wallet_id: string, amount: number) =>
  call(session, 'wallet_top_up', { wallet_id, amount, idem_key: newKey() });
const bonus = (session: Session, wallet_id: string, amount: number, expires_at?: string) =>
  call(session, 'wallet_bonus', { wallet_id, amount, expires_at, idem_key: newKey() });
const spend = (session: Session, wallet_id: string, amount: number) =>
  call(session, 'wallet_spend', { wallet_id, amount, idem_key: newKey() });
const transfer = (session: Session, from_wallet: string, to_wallet: string, amount: number) =>
  call(session, 'wallet_transfer', { from_wallet, to_wallet, amount, idem_key: newKey() });
const hold = (session: Session, wallet_id: string, amount: number) =>
  call(session, 'wallet_hold', { wallet_id, amount, idem_key: newKey() });
const capture = (session: Session, { wallet_id, hold_id }: Receipt, amount?: number) =>
  call(session, 'wallet_capture', { wallet_id, hold_id, amount, idem_key: newKey() });
const release = (session: Session, { wallet_id, hold_id }: Receipt) =>
  call(session, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });
const reverse = (session: Session, { wallet_id, transfer_id }: Receipt, amount?: number) =>
  call(session, 'wallet_reverse', { wallet_id, transfer_id, amount, idem_key: newKey() });
const changeStatus = (name: 'freeze' | 'close' | 'reopen', wallet_id: string) =>
  call<object>(db, `wallet_${name}`, { wallet_id, reason: 'for a test' });

/** An expiry that tests let pass without waiting. */
const soon = (): Promise<string> => inMs(db, 3_600_000);
const past = (instant: string): Promise<unknown> => ageTo(db, instant);

/** What a wallet's newest entries were, the oldest first, and in how many transactions they came. */
async function newest(wallet: string, count: number): Promise<unknown> {
  const { rows } = await db.query<{ kind: string; amount: string; xmin: string }>(
    `select kind, amount, xmin from ledger.entries where wallet_id = $1
       and seq > (select max(seq) - $2 from ledger.entries where wallet_id = $1) order by seq`,
    [wallet, count],
  );
  return {
    entries: rows.map(({ kind, amount }) => [kind, amount]),
    commits: new Set(rows.map(({ xmin }) => xmin)).size,
  };
}

/** Tells what the house's accounts have booked of the shared asset since. */
async function watchHouse(): Promise<() => Promise<Record<string, number>>> {
  const asset = await someAsset(db);
  const read = async () => {
    const lines = await callAll<{ account: string; debit: string; credit: string }>(db, 'ledger_trial_balance', {
      asset_code: asset,
    });
    return new Map(lines.map(({ account, debit, credit }) => [account, Number(debit) + Number(credit)]));
  };
  const before = await read();
  return async () =>
    Object.fromEntries([...(await read())].map(([account, amount]) => [account, amount - (before.get(account) ?? 0)]));
}

/** Books requests as one batch; answers their receipts. */
async function postBatch(session: Session, requests: object[]): Promise<Receipt[]> {
  const { rows } = await session.query<Receipt>(
    `select * from ledger.wallet_post_batch(array(
       select r from jsonb_array_elements($1::jsonb) j, jsonb_populate_record(null::ledger.wallet_request, j) r))`,
    [JSON.stringify(requests.map((request) => ({ idem_key: newKey(), metadata: {}, ...request })))],
  );
  return rows;
}

async function postBatchOf(session: Session, request: object): Promise<Receipt> {
  const [receipt] = await postBatch(session, [request]);
  if (!receipt) throw new Error('no receipt');
  return receipt;
}

/** Sessions of an operator; calls go to them in turn. */
async function operators(count: number): Promise<() => Session> {
  const sessions = await Promise.all(Array.from({ length: count }, () => db.connectAs('operator', 'op')));
  let turn = 0;
  return () => {
    turn += 1;
    return sessions[turn % count] as Session;
  };
}

/** How often each outcome came: a receipt, or the code of an error. */
async function outcomes(calls: Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const codeOf = (error: unknown) => (error instanceof pg.DatabaseError ? (error.code ?? '') : String(error));
  for (const outcome of await Promise.all(calls.map((one) => one.then(() => 'receipt', codeOf))))
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

describe('partial refund after expiry', () => {
  it('books what goes to the expired lot to breakage, in the same commit', async () => {
    const [asset, house] = [await someAsset(db), await watchHouse()];
    const wallet_id = await newWallet(db, asset, { bought: 10 });
    const expiry = await soon();
    await bonus(db, wallet_id, 10, expiry);
    const spent = await spend(db, wallet_id, 15);
    await past(expiry);
    const request = { wallet_id, transfer_id: spent.transfer_id, amount: 8, idem_key: newKey() };

    const first = await call(db, 'wallet_reverse', request);
    const entries = await newest(wallet_id, 2);
    const between = [await house(), await call(db, 'wallet_balance', { wallet_id })];
    const rest = await reverse(db, spent);

    expect(first).toMatchObject({ amount: '8', bonus_amount: '3', balance: '13', bonus_balance: '3' });
    expect(entries).toEqual({
      entries: [
        ['reversal', '8'],
        ['expiry', '3'],
      ],
      commits: 1,
    });
    expect(between).toMatchObject([
      { revenue: 7, breakage: 3 },
      { balance: '10', bonus_balance: '0', available: '10' },
    ]);
    expect(rest).toMatchObject({ amount: '7', bonus_amount: '7', balance: '17' });
    expect(await house()).toMatchObject({ revenue: 0, breakage: 10 });
    expect(await partsOf(db, wallet_id)).toEqual({ paid: 10 });
    expect(await call(db, 'wallet_reverse', request)).toEqual({ ...first, replayed: true });
    await expectSound(db);
  });

  it('books nothing to breakage that goes to paid credits or to a lot that has not expired', async () => {
    const [asset, house] = [await someAsset(db), await watchHouse()];
    const wallet_id = await newWallet(db, asset, { bought: 10 });
    const expiry = await soon();
    await bonus(db, wallet_id, 4, expiry);
    await bonus(db, wallet_id, 3, IN_2100);
    const spent = await spend(db, wallet_id, 9);
    await past(expiry);

    await reverse(db, spent, 5);
    expect(await newest(wallet_id, 1)).toMatchObject({ entries: [['reversal', '5']] });
    expect(await house()).toMatchObject({ revenue: 4, breakage: 0 });
    await reverse(db, spent);

    expect(await partsOf(db, wallet_id)).toEqual({ paid: 10, 2100: 3 });
    expect(await house()).toMatchObject({ revenue: 0, breakage: 4 });
    await expectSound(db);
  });

  it('of a capture that spent pinned credits past their date', async () => {
    const [asset, house] = [await someAsset(db), await watchHouse()];
    const wallet_id = await newWallet(db, asset, { bought: 5 });
    const expiry = await soon();
    await bonus(db, wallet_id, 10, expiry);
    const held = await hold(db, wallet_id, 12);
    await past(expiry);
    const captured = await capture(db, held, 11);

    await reverse(db, captured, 3);

    expect(await newest(wallet_id, 2)).toEqual({
      entries: [
        ['reversal', '3'],
        ['expiry', '2'],
      ],
      commits: 1,
    });
    expect(await partsOf(db, wallet_id)).toEqual({ paid: 5 });
    expect(await house()).toMatchObject({ revenue: 8, breakage: 2 });
    await expectSound(db);
  });

  it('of a bonus finds nothing left: it has gone to breakage (WLFND)', async () => {
    const [asset, house] = [await someAsset(db), await watchHouse()];
    const wallet_id = await newWallet(db, asset, { bought: 10, bonus: 10 });
    const expiry = await soon();
    const granted = await bonus(db, wallet_id, 10, expiry);
    await past(expiry);

    expect(await refusal(reverse(db, granted, 4))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id, available: '0', requested: '4', missing: '4' },
    });
    expect(await house()).toMatchObject({ promotions: 20, breakage: 0 });
    await callAll(db, 'wallet_expire_due', {});
    expect(await refusal(reverse(db, granted, 4))).toMatchObject({ code: 'WLFND', detail: { missing: '4' } });
    expect(await house()).toMatchObject({ promotions: 20, breakage: 10 });
    await expectSound(db);
  });
});

describe('chargeback with mixed credits', () => {
  it('takes paid credits only, whichever purchase they are from, and never bonus credits (WLFND)', async () => {
    const [asset, house] = [await someAsset(db), await watchHouse()];
    const wallet = await newWallet(db, asset);
    const one = await topUp(db, wallet, 10);
    await bonus(db, wallet, 6);
    await bonus(db, wallet, 4, IN_2100);
    const two = await topUp(db, wallet, 10);
    await spend(db, wallet, 12); // 10 bonus credits and 2 paid ones
    await bonus(db, wallet, 7);

    expect(await reverse(db, one)).toMatchObject({ amount: '10', bonus_amount: '0', balance: '15' });
    expect(await refusal(reverse(db, two))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id: wallet, available: '8', requested: '10', missing: '2' },
    });
    await reverse(db, two, 8);
    expect(await partsOf(db, wallet)).toEqual({ bonus: 7 });
    await topUp(db, wallet, 5);
    await reverse(db, two);

    expect(await partsOf(db, wallet)).toEqual({ paid: 3, bonus: 7 });
    expect(await house()).toEqual({ treasury: 5, promotions: 17, revenue: 12, breakage: 0, players: 10 });
    await expectSound(db);
  });

  it('succeeds after the refund of what was bought with it', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bonus: 3 });
    const bought = await topUp(db, wallet, 10);
    const spent = await spend(db, wallet, 13);
    expect(await refusal(reverse(db, bought))).toMatchObject({ code: 'WLFND', detail: { available: '0' } });

    await reverse(db, spent, 10);
    await reverse(db, bought);

    expect(await partsOf(db, wallet)).toEqual({});
    expect(await reverse(db, spent)).toMatchObject({ balance: '3', bonus_balance: '3' });
    await expectSound(db);
  });
});

describe('reversal of a batch posting', () => {
  /** What each kind debits, in each of its entries. */
  const ACCOUNTS: Record<string, string[]> = {
    top_up: ['treasury'],
    bonus: ['promotions'],
    spend: ['player'],
    transfer: ['player', 'player'],
  };

  it('books between the accounts that the batch was booked between, the other way round', async () => {
    const asset = await someAsset(db);
    const [wallet_id, other] = [await newWallet(db, asset, { bought: 3, bonus: 2 }), await newWallet(db, asset)];
    const posted = await postBatch(db, [
      { kind: 'bonus', wallet_id, amount: 8, expires_at: IN_2100 },
      { kind: 'top_up', wallet_id, amount: 10 },
      { kind: 'spend', wallet_id, amount: 6 },
      { kind: 'transfer', wallet_id, counterparty_id: other, amount: 9 },
      { kind: 'bonus', wallet_id, amount: 5 },
    ]);

    for (const original of [...posted].reverse()) {
      await reverse(db, original, 1);
      const { rows } = await db.query(
        `select (r.debit_wallet_id, r.credit_wallet_id) is not distinct from (o.credit_wallet_id, o.debit_wallet_id) as swapped,
           array(select debit::text from ledger.entries where transfer_id = o.id) as debited,
           array(select credit::text from ledger.entries where transfer_id = r.id) as credited
         from ledger.transfers o join ledger.transfers r on r.reverses = o.id where o.id = $1`,
        [original.transfer_id],
      );
      const accounts = ACCOUNTS[original.kind];
      expect(rows).toEqual([{ swapped: true, debited: accounts, credited: accounts }]);
    }
    await expectSound(db);
  });

  it('books what goes to an expired lot to breakage', async () => {
    const [asset, house] = [await someAsset(db), await watchHouse()];
    const wallet_id = await newWallet(db, asset);
    const expires_at = await soon();
    await postBatchOf(db, { kind: 'bonus', wallet_id, amount: 8, expires_at });
    const spent = await postBatchOf(db, { kind: 'spend', wallet_id, amount: 6 });
    await past(expires_at);

    await reverse(db, spent, 5);

    expect(await newest(wallet_id, 2)).toEqual({
      entries: [
        ['reversal', '5'],
        ['expiry', '5'],
      ],
      commits: 1,
    });
    expect(await house()).toMatchObject({ revenue: 1, breakage: 7 });
    await expectSound(db);
  });

  it('waits for no batch of other wallets, and for one of its own until that commits: no deadlock', async () => {
    const asset = await someAsset(db);
    const [wallet_id, other] = [await newWallet(db, asset), await newWallet(db, asset)];
    const bought = await postBatchOf(db, { kind: 'top_up', wallet_id, amount: 10 });
    const [batch, operator] = [await db.connectJob(), await db.connectAs('operator', 'op')];
    await batch.query('begin');
    await postBatch(batch, [{ kind: 'top_up', wallet_id: other, amount: 1 }]);

    const first = await reverse(operator, bought, 4);
    await batch.query("set lock_timeout = '10s'");
    const second = await postBatchOf(batch, { kind: 'top_up', wallet_id, amount: 5 });
    const reversal = reverse(operator, bought);
    await waitsForLock(db, operator);
    await batch.query('commit');

    expect(first).toMatchObject({ amount: '4', balance: '6' });
    expect(second).toMatchObject({ balance: '11' });
    expect(await reversal).toMatchObject({ balance: '5' });
    await expectSound(db);
  });

  it('among batches and single calls of the same wallets: no deadlock', async () => {
    const asset = await someAsset(db);
    const wallets = await Promise.all(Array.from({ length: 4 }, () => newWallet(db, asset, { bought: 50 })));
    const posted = await postBatch(
      db,
      wallets.flatMap((wallet_id, index) => [
        { kind: 'top_up', wallet_id, amount: 50 },
        { kind: 'bonus', wallet_id, amount: 20, expires_at: IN_2100 },
        { kind: 'spend', wallet_id, amount: 30 },
        { kind: 'transfer', wallet_id, counterparty_id: wallets[(index + 1) % 4], amount: 10 },
      ]),
    );
    const next = await operators(12);

    const counts = await outcomes([
      ...Array.from({ length: 12 }, (_, turn) =>
        postBatch(
          next(),
          wallets.flatMap((wallet_id, index) => [
            { kind: 'transfer', wallet_id, counterparty_id: wallets[(index + 1 + (turn % 3)) % 4], amount: 1 },
            { kind: 'spend', wallet_id, amount: 1 },
            { kind: 'top_up', wallet_id, amount: 2 },
          ]),
        ),
      ),
      ...posted.flatMap((original) => [reverse(next(), original, 1), reverse(next(), original, 2)]),
      ...wallets.map((wallet) => spend(next(), wallet, 1)),
    ]);

    expect(Object.keys(counts).filter((outcome) => !['receipt', 'WLFND'].includes(outcome))).toEqual([]);
    expect(counts.receipt).toBeGreaterThan(12 + posted.length);
    await expectSound(db);
  });
});

describe('refund to a frozen wallet', () => {
  it('books, and so does what is taken back from one', async () => {
    const asset = await someAsset(db);
    const [wallet, other] = [await newWallet(db, asset), await newWallet(db, asset)];
    const bought = await topUp(db, wallet, 10);
    const granted = await bonus(db, wallet, 10, IN_2100);
    const spent = await spend(db, wallet, 3);
    const captured = await capture(db, await hold(db, wallet, 2));
    const sent = await transfer(db, wallet, other, 4);
    await changeStatus('freeze', wallet);
    await changeStatus('freeze', other);

    const receipts: Receipt[] = [];
    for (const original of [sent, captured, spent, granted, bought]) receipts.push(await reverse(db, original));

    expect(receipts.map(({ balance }) => balance)).toEqual(['15', '17', '20', '10', '0']);
    expect(await call(db, 'wallet_balance', { wallet_id: other })).toMatchObject({ balance: '0', seq: '2' });
    await expectSound(db);
  });
});

describe('refund to a closed wallet', () => {
  it('is refused until the wallet is reopened (WLCLS)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const spent = await spend(db, wallet_id, 10);
    await changeStatus('close', wallet_id);
    const before = await rowsOf(db, wallet_id);

    expect(await refusal(reverse(db, spent))).toMatchObject({ code: 'WLCLS', detail: { wallet_id } });
    expect(await rowsOf(db, wallet_id)).toEqual(before);
    await changeStatus('reopen', wallet_id);

    expect(await reverse(db, spent)).toMatchObject({ balance: '10' });
    await expectSound(db);
  });

  it('of a transfer, whichever of the two is closed (WLCLS)', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];
    const sent = await transfer(db, from, to, 10);
    const spent = await spend(db, to, 10);
    await changeStatus('close', to);
    expect(await refusal(reverse(db, sent))).toMatchObject({ code: 'WLCLS', detail: { wallet_id: to } });
    await changeStatus('reopen', to);
    expect(await refusal(reverse(db, sent))).toMatchObject({ code: 'WLFND', detail: { wallet_id: to } });
    await reverse(db, spent);
    await changeStatus('close', from);

    expect(await refusal(reverse(db, sent))).toMatchObject({ code: 'WLCLS', detail: { wallet_id: from } });
    await changeStatus('reopen', from);
    expect(await reverse(db, sent)).toMatchObject({ balance: '10' });
    await expectSound(db);
  });
});

describe('a refund while a hold pins the lot', () => {
  it('frees nothing of the hold', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await bonus(db, wallet, 10, IN_2100);
    const spent = await spend(db, wallet, 4);
    const held = await hold(db, wallet, 6);

    await reverse(db, spent, 3);

    expect(await partsOf(db, wallet)).toEqual({ 2100: 3, '2100 held': 6 });
    await release(db, held);
    expect(await partsOf(db, wallet)).toEqual({ 2100: 9 });
    await expectSound(db);
  });

  it.each([
    { end: 'release', breakage: 10, revenue: 0 },
    { end: 'capture', breakage: 5, revenue: 5 },
  ])('past its date goes to breakage, what is pinned only with the $end', async ({ end, breakage, revenue }) => {
    const [asset, house] = [await someAsset(db), await watchHouse()];
    const wallet_id = await newWallet(db, asset);
    const expiry = await soon();
    await bonus(db, wallet_id, 10, expiry);
    const spent = await spend(db, wallet_id, 4);
    const held = await hold(db, wallet_id, 5);
    await past(expiry);

    const refund = await reverse(db, spent);

    // What was free in the lot goes before the refund, what the refund gives back after it.
    expect(refund).toMatchObject({ balance: '9', held_balance: '5' });
    expect(await newest(wallet_id, 3)).toEqual({
      entries: [
        ['expiry', '1'],
        ['reversal', '4'],
        ['expiry', '4'],
      ],
      commits: 1,
    });
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '5', available: '0' });
    expect(await house()).toMatchObject({ breakage: 5 });
    await (end === 'release' ? release : capture)(db, held);
    expect(await house()).toMatchObject({ breakage, revenue });
    expect(await partsOf(db, wallet_id)).toEqual({});
    await expectSound(db);
  });
});

describe('transfer reversal', () => {
  /** Of 4 paid and 6 expiring credits, which the receiver has, beside 5 and 5 of its own. */
  async function sentWith(
    expiry: () => Promise<string> | string,
  ): Promise<{ from: string; to: string; sent: Receipt; expires_at: string }> {
    const asset = await someAsset(db);
    const [from, to] = [
      await newWallet(db, asset, { bought: 10 }),
      await newWallet(db, asset, { bought: 5, bonus: 5 }),
    ];
    const expires_at = await expiry();
    await bonus(db, from, 6, expires_at);
    return { from, to, expires_at, sent: await transfer(db, from, to, 10) };
  }

  it.each([
    { what: 'spent', use: spend, rest: { paid: 5, bonus: 5 } },
    { what: 'reserved', use: hold, rest: { paid: 5, bonus: 5, '2100 held': 4 } },
    {
      what: 'sent on',
      use: async (session: Session, to: string) => transfer(session, to, await newWallet(db, await someAsset(db)), 4),
      rest: { paid: 5, bonus: 5 },
    },
  ])('takes what it gave where the receiver has $what part of it (WLFND)', async ({ use, rest }) => {
    const { from, to, sent } = await sentWith(() => IN_2100);
    await use(db, to, 4);

    expect(await refusal(reverse(db, sent))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id: to, available: '6', requested: '10', missing: '4' },
    });
    expect(await reverse(db, sent, 6)).toMatchObject({ wallet_id: from, bonus_amount: '2', balance: '12' });

    expect(await partsOf(db, from)).toEqual({ paid: 10, 2100: 2 });
    expect(await partsOf(db, to)).toEqual(rest);
    await expectSound(db);
  });

  it.each([false, true])('takes nothing that has expired (WLFND): pinned by a hold: %s', async (pinned) => {
    const { from, to, sent, expires_at } = await sentWith(soon);
    if (pinned) await hold(db, to, 2);
    await past(expires_at);

    expect(await refusal(reverse(db, sent))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id: to, available: '4', requested: '10', missing: '6' },
    });
    await reverse(db, sent, 4);

    expect(await partsOf(db, from)).toEqual({ paid: 10 });
    expect(await call(db, 'wallet_balance', { wallet_id: to })).toMatchObject({ balance: pinned ? '12' : '10' });
    await expectSound(db);
  });

  it('of two lots with one expiry, which arrived as one, gives each its own', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset), await newWallet(db, asset)];
    const one = await bonus(db, from, 4, IN_2100);
    const two = await bonus(db, from, 6, IN_2100);
    const sent = await transfer(db, from, to, 9);
    const lots = (wallet_id: string) =>
      callAll<{ transfer_id: string; amount: string }>(db, 'wallet_explain', { wallet_id }).then((parts) =>
        parts.map(({ transfer_id, amount }) => [transfer_id, amount]),
      );
    expect(await lots(to)).toEqual([[sent.transfer_id, '9']]);
    const spent = await spend(db, to, 6);
    expect(await refusal(reverse(db, sent, 6))).toMatchObject({
      code: 'WLFND',
      detail: { available: '3', missing: '3' },
    });
    await reverse(db, spent);

    await reverse(db, sent, 7); // the 5 of the later lot, and 2 of the earlier one

    expect(await lots(from)).toEqual([
      [one.transfer_id, '2'],
      [two.transfer_id, '6'],
    ]);
    expect(await lots(to)).toEqual([[sent.transfer_id, '2']]);
    await spend(db, to, 1);
    expect(await refusal(reverse(db, sent))).toMatchObject({ code: 'WLFND', detail: { available: '1', missing: '1' } });
    await reverse(db, sent, 1);
    expect(await lots(from)).toEqual([
      [one.transfer_id, '3'],
      [two.transfer_id, '6'],
    ]);
    expect(await lots(to)).toEqual([]);
    await expectSound(db);
  });

  it('down a chain, the last one first', async () => {
    const asset = await someAsset(db);
    const [a, b, c] = [
      await newWallet(db, asset, { bought: 3 }),
      await newWallet(db, asset),
      await newWallet(db, asset),
    ];
    await bonus(db, a, 4, IN_2101);
    const first = await transfer(db, a, b, 7);
    const second = await transfer(db, b, c, 5);
    expect(await refusal(reverse(db, first))).toMatchObject({ code: 'WLFND', detail: { available: '2' } });

    await reverse(db, second);
    await reverse(db, first);

    expect(await Promise.all([a, b, c].map((wallet) => partsOf(db, wallet)))).toEqual([{ paid: 3, 2101: 4 }, {}, {}]);
    await expectSound(db);
  });
});

describe('reversals at once', () => {
  it('24 refunds of a part: as many as the original allows, the others are told (WLREV)', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 20 });
    await bonus(db, wallet, 10, IN_2100);
    const spent = await spend(db, wallet, 30);
    const next = await operators(24);

    const counts = await outcomes(Array.from({ length: 24 }, () => reverse(next(), spent, 3)));

    expect(counts).toEqual({ receipt: 10, WLREV: 14 });
    expect(await partsOf(db, wallet)).toEqual({ paid: 20, 2100: 10 });
    await expectSound(db);
  });

  it('8 refunds of all that is left: one receipt (WLREV)', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 20 });
    const spent = await spend(db, wallet, 20);
    const next = await operators(8);

    const counts = await outcomes(Array.from({ length: 8 }, () => reverse(next(), spent)));

    expect(counts).toEqual({ receipt: 1, WLREV: 7 });
    expect(await partsOf(db, wallet)).toEqual({ paid: 20 });
  });

  it('chargebacks against spends: the wallet pays for as many as it can, once (WLFND)', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const bought = await topUp(db, wallet, 100);
    const next = await operators(16);

    const counts = await outcomes(
      Array.from({ length: 32 }, (_, index) => (index % 2 ? reverse(next(), bought, 5) : spend(next(), wallet, 10))),
    );

    expect(Object.keys(counts).sort()).toEqual(['WLFND', 'receipt']);
    const { rows } = await db.query<{ booked: string }>(
      "select sum(amount) as booked from ledger.entries e where wallet_id = $1 and ledger.entries_side(e) = 'debit'",
      [wallet],
    );
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({
      balance: String(100 - Number(rows[0]?.booked)),
    });
    await expectSound(db);
  });

  it('of transfers, against transfers both ways: no deadlock, sums conserved', async () => {
    const asset = await someAsset(db);
    const [a, b] = [await newWallet(db, asset, { bought: 100 }), await newWallet(db, asset, { bought: 100 })];
    for (const wallet of [a, b]) await bonus(db, wallet, 50, IN_2100);
    const originals: Receipt[] = [];
    for (let turn = 0; turn < 12; turn += 1) originals.push(await transfer(db, turn % 2 ? a : b, turn % 2 ? b : a, 10));
    const next = await operators(16);

    const counts = await outcomes(
      originals.flatMap((original, turn) => [
        reverse(next(), original, 6),
        transfer(next(), turn % 3 ? a : b, turn % 3 ? b : a, 7),
        reverse(next(), original),
        transfer(next(), turn % 3 ? b : a, turn % 3 ? a : b, 4),
      ]),
    );

    expect(Object.keys(counts).filter((outcome) => !['receipt', 'WLFND', 'WLREV'].includes(outcome))).toEqual([]);
    expect(counts.receipt).toBeGreaterThan(12);
    const balances = await Promise.all([a, b].map((wallet_id) => call(db, 'wallet_balance', { wallet_id })));
    expect(balances.reduce((sum, { balance }) => sum + Number(balance), 0)).toBe(300);
    await expectSound(db);
  });

  it('of many originals in parts, on the same two wallets: all of them', async () => {
    const asset = await someAsset(db);
    const [a, b] = [await newWallet(db, asset, { bought: 40 }), await newWallet(db, asset, { bought: 40 })];
    for (const [index, wallet] of [a, b].entries()) await bonus(db, wallet, 30, index ? IN_2100 : IN_2101);
    const before = [await partsOf(db, a), await partsOf(db, b)];
    const originals: Receipt[] = [];
    for (const wallet of [a, b])
      originals.push(
        await bonus(db, wallet, 6),
        await spend(db, wallet, 12),
        await capture(db, await hold(db, wallet, 12)),
        await spend(db, wallet, 12),
      );
    const next = await operators(16);

    // The bonus credits that were granted first have been spent: they are there again once the spends are taken back.
    const [granted, spent] = [
      originals.filter(({ kind }) => kind === 'bonus'),
      originals.filter(({ kind }) => kind !== 'bonus'),
    ];
    expect(await outcomes(spent.flatMap((one) => Array.from({ length: 6 }, () => reverse(next(), one, 2))))).toEqual({
      receipt: 36,
    });
    expect(await outcomes(granted.flatMap((one) => Array.from({ length: 3 }, () => reverse(next(), one, 2))))).toEqual({
      receipt: 6,
    });

    expect([await partsOf(db, a), await partsOf(db, b)]).toEqual(before);
    await expectSound(db);
  });

  it('is told to try again where the original commits meanwhile (40001)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const [service, operator] = [await db.connectJob(), await db.connectAs('operator', 'op')];
    await service.query('begin');
    const bought = await topUp(service, wallet_id, 10);

    const early = refusal(reverse(operator, bought));
    await waitsForLock(db, operator);
    await service.query('commit');

    expect((await early).code).toBe('40001');
    expect(await reverse(operator, bought)).toMatchObject({ balance: '0' });
    await expectSound(db);
  });
});

describe.each(['repeatable read', 'serializable'])('a reversal in a %s transaction', (level) => {
  /** A session whose snapshot is older than everything that happens from now on. */
  async function oldSnapshot(): Promise<pg.Client> {
    const session = await db.connectAs('operator', 'op');
    await session.query(`begin isolation level ${level}`);
    await session.query('select count(*) from ledger.assets');
    return session;
  }

  it('books where nothing has moved', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const spent = await spend(db, wallet, 10);
    const session = await oldSnapshot();

    const receipts = [await reverse(session, spent, 4), await reverse(session, spent)];
    await session.query('commit');

    expect(receipts).toMatchObject([{ balance: '4' }, { balance: '10' }]);
    await expectSound(db);
  });

  it.each([
    { what: 'less than is left', amount: 3 },
    { what: 'more than is left by now', amount: 7 },
    { what: 'more than was ever left', amount: 11 },
  ])('learns that another part was reversed meanwhile (40001): $what', async ({ amount }) => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const spent = await spend(db, wallet, 10);
    const session = await oldSnapshot();
    await reverse(db, spent, 5);

    const refused = await refusal(reverse(session, spent, amount));

    await session.query('rollback');
    expect(refused.code).toBe('40001');
    await expectSound(db);
  });

  it('learns of a movement that it cannot see yet (40001), and is refused one that is not there (WLNOT)', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const session = await oldSnapshot();
    const spent = await spend(db, wallet, 10);
    const refused = await refusal(reverse(session, spent));
    await session.query('rollback');
    const another = await oldSnapshot();
    const unknown = await refusal(reverse(another, { ...spent, transfer_id: wallet }));
    await another.query('rollback');

    expect(refused.code).toBe('40001');
    expect(unknown.code).toBe('WLNOT');
  });

  it('learns that the receiver has moved on (40001)', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset)];
    const sent = await transfer(db, from, to, 10);
    await spend(db, to, 5);
    const session = await oldSnapshot();
    await topUp(db, to, 5);

    const refused = await refusal(reverse(session, sent));

    await session.query('rollback');
    expect(refused.code).toBe('40001');
  });

  it('is refused for want of funds whatever others do with other wallets of the asset (WLFND)', async () => {
    const asset = await someAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const bought = await topUp(db, one, 10);
    await spend(db, one, 10);
    const session = await oldSnapshot();
    await topUp(db, two, 1);

    const refused = await refusal(reverse(session, bought));

    await session.query('rollback');
    expect(refused).toMatchObject({ code: 'WLFND', detail: { available: '0', missing: '10' } });
    await expectSound(db);
  });
});

describe('200 random movements of three wallets, reversed in parts', () => {
  /** mulberry32: the same seed, the same steps. */
  function randomFrom(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
    };
  }

  interface Original {
    receipt: Receipt;
    to?: string;
    left: number;
    bonusLeft: number;
  }

  it('add up after each: the parts to the balance, the reversals to no more than the original', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    let step = 0;
    try {
      const random = randomFrom(seed);
      const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
      const asset = await someAsset(db);
      const wallets = await Promise.all([newWallet(db, asset), newWallet(db, asset), newWallet(db, asset)]);
      const expected = new Map(wallets.map((wallet) => [wallet, { balance: 0, bonus: 0, held: 0 }]));
      const originals: Original[] = [];
      const holds: Receipt[] = [];
      const book = (wallet: string, sign: number, { amount, bonus_amount }: Receipt) => {
        const state = expected.get(wallet) ?? { balance: 0, bonus: 0, held: 0 };
        state.balance += sign * Number(amount);
        state.bonus += sign * Number(bonus_amount);
      };
      const booked = (receipt: Receipt, sign: number, to?: string) => {
        book(receipt.wallet_id, sign, receipt);
        if (to) book(to, -sign, receipt);
        originals.push({ receipt, to, left: Number(receipt.amount), bonusLeft: Number(receipt.bonus_amount) });
      };
      const reserve = (wallet: string, amount: number) => {
        const state = expected.get(wallet);
        if (state) state.held += amount;
      };
      /** What a call answers, or undefined where there are not enough credits. */
      const ifEnough = async (calling: Promise<Receipt>): Promise<Receipt | undefined> => {
        try {
          return await calling;
        } catch (error) {
          if (error instanceof pg.DatabaseError && error.code === 'WLFND') return undefined;
          throw error;
        }
      };

      const takeBack = async () => {
        if (originals.length === 0) return;
        const original = pick(originals);
        const { receipt, to } = original;
        const amount = 1 + random(Math.min(original.left + 2, 1 + random(60)));
        let answer = await reverse(db, receipt, amount).catch((error: unknown) => error);
        if (amount > original.left) {
          expect(answer).toMatchObject({ code: 'WLREV' });
          return;
        }
        if (answer instanceof pg.DatabaseError) {
          // Of what is there, as much as it says can be taken; and only what players spent is always there.
          expect(answer.code).toBe('WLFND');
          expect(['spend', 'capture']).not.toContain(receipt.kind);
          const facts = JSON.parse(answer.detail ?? '') as { available: string; missing: string };
          expect(Number(facts.available) + Number(facts.missing)).toBe(amount);
          if (facts.available === '0') return;
          answer = await reverse(db, receipt, Number(facts.available));
        }
        const part = answer as Receipt;
        original.left -= Number(part.amount);
        original.bonusLeft -= Number(part.bonus_amount);
        expect(original.bonusLeft).toBeGreaterThanOrEqual(0);
        expect(original.left).toBeGreaterThanOrEqual(original.bonusLeft);
        const taken = ['top_up', 'bonus'].includes(receipt.kind);
        book(receipt.wallet_id, taken ? -1 : 1, part);
        if (to) book(to, -1, part);
      };
      const endHold = async () => {
        const [placed] = holds.splice(random(holds.length), 1);
        if (!placed) return;
        if (random(3) > 0) booked(await capture(db, placed, 1 + random(Number(placed.amount))), -1);
        else await release(db, placed);
        reserve(placed.wallet_id, -Number(placed.amount));
      };
      const moves: ((wallet: string, amount: number) => Promise<void>)[] = [
        async (wallet, amount) => {
          booked(await topUp(db, wallet, amount), 1);
        },
        async (wallet, amount) => {
          booked(await bonus(db, wallet, amount, pick([undefined, IN_2100, IN_2101, '2102-06-01T00:00:00Z'])), 1);
        },
        async (wallet, amount) => {
          const spent = await ifEnough(spend(db, wallet, amount));
          if (spent) booked(spent, -1);
        },
        async (wallet, amount) => {
          const to = pick(wallets.filter((other) => other !== wallet));
          const sent = await ifEnough(transfer(db, wallet, to, amount));
          if (sent) booked(sent, -1, to);
        },
        async (wallet, amount) => {
          const placed = await ifEnough(hold(db, wallet, amount));
          if (placed) {
            holds.push(placed);
            reserve(wallet, amount);
          }
        },
        endHold,
        takeBack,
        takeBack,
        takeBack,
      ];

      for (step = 1; step <= 200; step += 1) {
        await pick(step < 12 ? moves.slice(0, 2) : moves)(pick(wallets), 1 + random(50));
        const { rows } = await db.query<Record<string, string>>(
          `select w.id, b.balance, b.bonus_balance, b.held_balance, b.available, p.*
           from unnest($1::uuid[]) w (id), lateral ledger.wallet_balance(w.id) b, lateral (
             select coalesce(sum(amount), 0) as parts, coalesce(sum(available), 0) as parts_available, coalesce(min(amount), 1) > 0 as positive,
               coalesce(sum(amount) filter (where source <> 'paid'), 0) as parts_bonus,
               coalesce(sum(amount) filter (where hold_id is not null), 0) as parts_held
             from ledger.wallet_explain(w.id)) p`,
          [wallets],
        );
        expect(rows).toEqual(
          wallets.map((id) => {
            const { balance, bonus: bonus_balance, held } = expected.get(id) ?? { balance: -1, bonus: -1, held: -1 };
            return {
              id,
              balance: String(balance),
              bonus_balance: String(bonus_balance),
              held_balance: String(held),
              available: String(balance - held),
              parts: String(balance),
              parts_available: String(balance - held),
              positive: true,
              parts_bonus: String(bonus_balance),
              parts_held: String(held),
            };
          }),
        );
      }
      // What players have spent is given back to the last credit, whatever else was taken back meanwhile.
      for (const { receipt, left, bonusLeft } of originals)
        if (['spend', 'capture'].includes(receipt.kind) && left > 0)
          expect(await reverse(db, receipt)).toMatchObject({ amount: String(left), bonus_amount: String(bonusLeft) });
      await expectSound(db);
    } catch (error) {
      throw new Error(`seed ${seed}, step ${step}`, { cause: error });
    }
  });
});
