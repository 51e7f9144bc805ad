import { bookSoon } from '../aged.ts';
import {
  call,
  createDatabase,
  inMs,
  newAsset,
  newKey,
  newWallet,
  passed,
  refusal,
  UNKNOWN_WALLET,
  type Database,
} from '../helpers.ts';
import { pageOf, rowsOf } from '../pages.ts';

const HOUR = 3_600_000;

/** Places holds that expire after the given hours (null for never), in that order. */
async function placed(db: Database, hours: (number | null)[], wallet?: string): Promise<string[]> {
  const wallet_id = wallet ?? (await newWallet(db, await newAsset(db)));
  if (wallet === undefined) await call(db, 'wallet_top_up', { wallet_id, amount: 1000, idem_key: newKey() });
  const ids: string[] = [];
  for (const hour of hours) {
    const expires_at = hour === null ? null : await inMs(db, hour * HOUR);
    ids.push((await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at })).transfer_id);
  }
  return ids;
}

const found = async (db: Database, args: object, size = 2, backwards = false): Promise<string[]> =>
  (await rowsOf(db, 'holds', { ...args }, size, { backwards })).map(({ id }) => id);

describe('holds_page of open holds', () => {
  const db = createDatabase();

  it('lists those without expiry first, then the latest expiry, each once from either end in pages of any size', async () => {
    const ids = await placed(db, [5, null, 3, 9, null, 3]);
    const order = [4, 1, 3, 0];

    for (const size of [1, 2, 5, 6, 7]) {
      for (const backwards of [false, true]) {
        const all = await found(db, { open: true }, size, backwards);
        expect(all.slice(0, 4)).toEqual(order.map((n) => ids[n]));
        // Two holds may expire at the same instant: then the newer one comes first.
        expect(new Set(all.slice(4))).toEqual(new Set([ids[2], ids[5]]));
        expect(all).toHaveLength(6);
      }
    }
  });

  it('continues after cursors of holds with and without expiry, in both directions', async () => {
    const own = (await found(db, { open: true }, 100)).slice();
    for (const [n, cursor] of own.entries()) {
      const after = await pageOf(db, 'holds', { open: true, after: cursor });
      const before = await pageOf(db, 'holds', { open: true, before: cursor });
      expect(after.keys.map(({ id }) => id)).toEqual(own.slice(n + 1));
      expect(before.keys.map(({ id }) => id)).toEqual(own.slice(0, n));
    }
  });
});

describe('holds_page', () => {
  const db = createDatabase();

  it('lists all holds newest first, those that have ended, and those that expire before an instant', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    await call(db, 'wallet_top_up', { wallet_id, amount: 1000, idem_key: newKey() });
    const ids = await placed(db, [1, 2, 3, null, 5], wallet_id);
    await call(db, 'wallet_capture', { wallet_id, hold_id: ids[1], idem_key: newKey() });
    await call(db, 'wallet_release', { wallet_id, hold_id: ids[3], idem_key: newKey() });
    const of = (...places: number[]) => places.map((n) => ids[n]);
    const due_before = await inMs(db, 4 * HOUR);

    for (const backwards of [false, true]) {
      expect(await found(db, {}, 2, backwards)).toEqual(of(4, 3, 2, 1, 0));
      expect(await found(db, { open: false }, 1, backwards)).toEqual(of(3, 1));
      expect(await found(db, { open: true }, 2, backwards)).toEqual(of(4, 2, 0));
      expect(await found(db, { open: true, due_before }, 1, backwards)).toEqual(of(2, 0));
      expect(await found(db, { due_before }, 2, backwards)).toEqual(of(2, 1, 0));
      expect(await found(db, { open: false, due_before }, 2, backwards)).toEqual(of(1));
    }
  });

  it.each([
    ['too many', 'first', { open: true, first: 1001 }],
    ['both ends', 'last', { first: 1, last: 1 }],
    ['a cursor of nothing', 'after', { open: true, after: 'x' }],
    ['a cursor that names no hold', 'before', { open: true, before: UNKNOWN_WALLET }],
  ])('refuses %s with WLARG: %s', async (_, argument, args) => {
    expect(await refusal(pageOf(db, 'holds', args))).toMatchObject({ code: 'WLARG', detail: { argument } });
  });
});

describe('holds_page of an expired hold', () => {
  const db = createDatabase();

  it('counts it as ended from its expiry on, even before the expiry is booked', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    const [late] = await placed(db, [5], wallet_id);
    let soon = '';
    const expires_at = await bookSoon(db, async (at) => {
      soon = (await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at: at })).transfer_id;
    });
    await passed(db, expires_at);

    expect(await found(db, { open: true })).toEqual([late]);
    expect(await found(db, { open: false })).toEqual([soon]);
  });
});
