/** Lists of calls, beside calls of others for the same wallets between the list's locks and its items. */
import type pg from 'pg';
import { bookSoon } from './aged.ts';
import {
  call,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  type Outcome,
  passed,
  postBatch,
  postEach,
  refusal,
  rowsOf,
  waitsForLock,
  type WalletRequest,
} from './helpers.ts';

const db = createDatabase();

const item = (kind: string, wallet_id: string, amount: number | null, more: WalletRequest = {}): WalletRequest => ({
  kind,
  wallet_id,
  amount,
  idem_key: newKey(),
  ...more,
});
const codeOf = (error: unknown): string => (error as { code: string }).code;
const codesOf = (outcomes: Outcome[]): string[] => outcomes.map(({ refusal: refused }) => refused?.code ?? 'booked');

/** A list in progress: its wallets are locked, and it waits before it writes its first entry. */
interface UnderWay<T> {
  answer: Promise<T>;
  goOn: () => Promise<unknown>;
}

async function underWay<T>(ask: (session: pg.Client) => Promise<T>): Promise<UnderWay<T>> {
  const [session, other] = [await db.connect(), await db.connect()];
  // Entries can be read, but not written.
  await other.query('begin; lock table ledger.entries in share mode');
  const answer = ask(session);
  // Avoids an unhandled rejection until the answer is awaited.
  answer.catch(() => undefined);
  await waitsForLock(db, session);
  return { answer, goOn: () => other.query('commit') };
}

/** Two owners, the first of whom has the lower wallet id. */
async function ownersInOrder(asset: string): Promise<[string, string]> {
  const { rows } = await db.query<{ owner: string }>(
    'select o as owner from unnest($1::text[]) o order by ledger.wallet_id(o, $2)',
    [[newOwner(), newOwner()], asset],
  );
  return [rows[0]?.owner ?? '', rows[1]?.owner ?? ''];
}

const open = async (owner_id: string, asset_code: string): Promise<string> =>
  (await call<{ id: string }>(db, 'wallet_open', { owner_id, asset_code })).id;

describe('a wallet that is opened while a list with it is in progress', () => {
  /** The items before, which decide whether the list's item is processed as a usual call, and the item. */
  const SHAPES: [what: string, first: string[], second: string][] = [
    ['a top-up behind a usual call', ['top_up'], 'top_up'],
    ['a top-up behind a hold', ['hold'], 'top_up'],
    ['a top-up among usual calls behind a hold', ['hold', 'top_up'], 'top_up'],
    ['a bonus that expires', ['top_up'], 'bonus'],
    ['a transfer to it', ['top_up'], 'transfer'],
  ];
  const CASES = [true, false].flatMap((wait) => SHAPES.map((shape) => [wait, ...shape] as const));

  async function arrange(first: string[], second: string) {
    const asset = await newAsset(db);
    const [low, high] = await ownersInOrder(asset);
    const known = await newWallet(db, asset, { owner: high, bought: 10 });
    const { rows } = await db.query<{ id: string }>('select ledger.wallet_id($1, $2) as id', [low, asset]);
    const late = rows[0]?.id ?? '';
    const requests = [
      ...first.map((kind) => item(kind, known, 1)),
      second === 'transfer'
        ? item('transfer', known, 1, { counterparty_id: late })
        : item(second, late, 1, second === 'bonus' ? { expires_at: '2102-01-01T00:00:00Z' } : {}),
      item('spend', known, 2),
    ];
    return { asset, low, known, late, requests };
  }

  it.each(CASES)(
    'does not exist for it (wait => %s, WLNOW), so that nothing waits for it in the wrong order: %s',
    async (wait, _what, first, second) => {
      const { asset, low, known, late, requests } = await arrange(first, second);
      const { answer, goOn } = await underWay((session) => postEach(session, requests, wait));
      expect(await open(low, asset)).toBe(late);
      // All calls lock in ascending order, so the new wallet first. This session waits for the list, and the list must not wait for it.
      const other = await db.connect();
      await other.query('begin');
      await other.query('select from ledger.wallets where id = $1 for no key update', [late]);
      const both = other
        .query('select from ledger.wallets where id = $1 for no key update', [known])
        .then(() => 'locked', codeOf);
      await waitsForLock(db, other);

      await goOn();

      expect(codesOf(await answer)).toEqual([...first.map(() => 'booked'), 'WLNOW', 'booked']);
      expect(await both).toBe('locked');
      await other.query('commit');
      expect(codesOf(await postEach(db, requests))).toEqual(requests.map(() => 'booked'));
      expect(await rowsOf(db, late)).toMatchObject({ entries: 1 });
      await expectSound(db);
    },
  );

  it.each(SHAPES)('does not exist for a batch either (WLNOW): %s', async (_what, first, second) => {
    const { asset, low, known, late, requests } = await arrange(first, second);
    const { answer, goOn } = await underWay((session) => postBatch(session, requests));
    await open(low, asset);
    await goOn();

    expect(await refusal(answer)).toMatchObject({ code: 'WLNOW', detail: { index: first.length, wallet_id: late } });
    expect(await rowsOf(db, known)).toEqual({ transfers: 1, entries: 1 });
    expect(await postBatch(db, requests)).toHaveLength(requests.length);
    await expectSound(db);
  });
});

describe('a wallet whose status changes beside a list with it', () => {
  const STATES: [name: string, codes: string[]][] = [
    ['wallet_freeze', ['booked', 'booked', 'WLFRZ', 'WLFRZ', 'WLFRZ', 'booked']],
    ['wallet_close', ['booked', 'WLCLS', 'WLCLS', 'WLCLS', 'WLCLS', 'booked']],
  ];

  /** A list for the wallet, with another wallet's items around. */
  async function arrange(name: string) {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, name === 'wallet_freeze' ? { bought: 10 } : {});
    const other = await newWallet(db, asset, { bought: 10 });
    const requests = [
      item('spend', other, 1),
      item('top_up', wallet, 5),
      item('spend', wallet, 1),
      item('transfer', wallet, 1, { counterparty_id: other }),
      item('hold', wallet, 1),
      item('transfer', other, 1, { counterparty_id: await newWallet(db, asset) }),
    ];
    return { wallet, requests };
  }

  it.each(STATES)('by %s before it: the list waits, and refuses item by item', async (name, codes) => {
    const { wallet, requests } = await arrange(name);
    const operator = await db.connect();
    await operator.query('begin');
    await call<object>(operator, name, { wallet_id: wallet, reason: 'for a test' });
    const session = await db.connect();

    const answer = postEach(session, requests);
    await waitsForLock(db, session);
    await operator.query('commit');

    expect(codesOf(await answer)).toEqual(codes);
    await expectSound(db);
  });

  it.each(STATES)('by %s that is rolled back: the list waits, and books', async (name) => {
    const { wallet, requests } = await arrange(name);
    const operator = await db.connect();
    await operator.query('begin');
    await call<object>(operator, name, { wallet_id: wallet, reason: 'for a test' });
    const session = await db.connect();

    const answer = postEach(session, requests);
    await waitsForLock(db, session);
    await operator.query('rollback');

    expect(codesOf(await answer)).toEqual(Array(6).fill('booked'));
    await expectSound(db);
  });

  it.each(STATES)('by %s, with wait => false: skipped (55P03), and refused when sent again', async (name, codes) => {
    const { wallet, requests } = await arrange(name);
    const operator = await db.connect();
    await operator.query('begin');
    await call<object>(operator, name, { wallet_id: wallet, reason: 'for a test' });

    const first = await postEach(db, requests, false);
    await operator.query('commit');
    const again = await postEach(db, requests, false);

    // The last item follows a skipped transfer to its wallet.
    expect(codesOf(first)).toEqual(['booked', '55P03', '55P03', '55P03', '55P03', '55P03']);
    expect(codesOf(again)).toEqual(codes);
    await expectSound(db);
  });

  it.each(STATES)('by %s after it: that waits for the list, and sees its entries', async (name) => {
    const { wallet, requests } = await arrange(name);
    const { answer, goOn } = await underWay((session) => postEach(session, requests));
    const operator = await db.connect();
    const change = call<{ status: string }>(operator, name, { wallet_id: wallet, reason: 'for a test' }).then(
      ({ status }) => status,
      codeOf,
    );
    await waitsForLock(db, operator);

    await goOn();

    expect(codesOf(await answer)).toEqual(Array(6).fill('booked'));
    // Only an empty wallet can be closed.
    expect(await change).toBe(name === 'wallet_freeze' ? 'frozen' : 'WLARG');
    await expectSound(db);
  });
});

describe('what expires beside a list', () => {
  /** A wallet with 10 paid credits, a bonus of 4 and a hold of 6, which both expire soon; and another wallet. */
  async function arrange() {
    const asset = await newAsset(db);
    const [wallet_id, other] = [await newWallet(db, asset), await newWallet(db, asset)];
    let hold_id: string | null = null;
    const due = await bookSoon(db, async (expires_at) => {
      const session = await db.connect();
      await session.query('begin');
      await call(session, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
      await call(session, 'wallet_bonus', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
      ({ hold_id } = await call(session, 'wallet_hold', { wallet_id, amount: 6, idem_key: newKey(), expires_at }));
      await session.query('commit');
    });
    const requests = [
      item('top_up', other, 1),
      item('capture', wallet_id, null, { hold_id }),
      item('release', wallet_id, null, { hold_id }),
      // The hold has 4 bonus credits.
      item('spend', wallet_id, 11),
      item('spend', wallet_id, 10),
    ];
    return { wallet_id, due, requests };
  }
  const CODES = ['booked', 'WLHLD', 'WLHLD', 'WLFND', 'booked'];

  it('has expired for each item, if it expired while the list waited for its wallets', async () => {
    const { wallet_id, due, requests } = await arrange();
    const other = await db.connect();
    await other.query('begin');
    await other.query('select from ledger.wallets where id = $1 for no key update', [wallet_id]);
    const session = await db.connect();
    const answer = postEach(session, requests);
    await waitsForLock(db, session);
    await passed(db, due);
    await other.query('commit');

    const outcomes = await answer;

    expect(codesOf(outcomes)).toEqual(CODES);
    expect(outcomes[4]?.receipt).toMatchObject({
      balance: '0',
      bonus_balance: '0',
      held_balance: '0',
      bonus_amount: '0',
    });
    await expectSound(db);
  });

  it('has expired for each item, if it expired after the list had locked its wallets', async () => {
    const { due, requests } = await arrange();
    const { answer, goOn } = await underWay((session) => postEach(session, requests));
    await passed(db, due);
    await goOn();

    const outcomes = await answer;

    expect(codesOf(outcomes)).toEqual(CODES);
    expect(outcomes[4]?.receipt).toMatchObject({
      balance: '0',
      bonus_balance: '0',
      held_balance: '0',
      bonus_amount: '0',
    });
    await expectSound(db);
  });

  it('has expired for a batch, which fails (WLHLD) and books nothing', async () => {
    const { wallet_id, due, requests } = await arrange();
    const before = await rowsOf(db, wallet_id);
    const { answer, goOn } = await underWay((session) => postBatch(session, requests));
    await passed(db, due);
    await goOn();

    expect(await refusal(answer)).toMatchObject({ code: 'WLHLD', detail: { index: 1 } });
    expect(await rowsOf(db, wallet_id)).toEqual(before);
    await expectSound(db);
  });

  it('was available to the items before the expiry: a receipt does not change with that', async () => {
    const { due, requests } = await arrange();
    const [, capture] = requests;
    if (!capture) throw new Error('no capture');
    const [first] = await postEach(db, [capture]);
    await passed(db, due);

    const [again] = await postEach(db, [capture]);

    if (first?.receipt) expect(again?.receipt).toEqual({ ...first.receipt, replayed: true });
    else expect([first?.refusal?.code, again?.refusal?.code]).toEqual(['WLHLD', 'WLHLD']);
    await expectSound(db);
  });
});
