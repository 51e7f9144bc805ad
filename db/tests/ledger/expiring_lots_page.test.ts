import { bookSoon } from '../aged.ts';
import { call, createDatabase, inMs, newAsset, newKey, newWallet, passed, refusal, type Database } from '../helpers.ts';
import { pageOf, rowsOf } from '../pages.ts';

const HOUR = 3_600_000;

async function granted(db: Database, wallet_id: string, hours: (number | null)[], amount = 10): Promise<string[]> {
  const instants: string[] = [];
  for (const hour of hours) {
    const expires_at = hour === null ? null : await inMs(db, hour * HOUR);
    const { seq } = await call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
    instants.push(`${wallet_id} ${seq}`);
  }
  return instants;
}

const found = async (db: Database, args: object, size = 2, backwards = false): Promise<string[]> =>
  (await rowsOf(db, 'expiring_lots', { ...args }, size, { backwards, before: 'before_cursor' })).map(
    ({ wallet_id, seq }) => `${String(wallet_id)} ${String(seq)}`,
  );

describe('expiring_lots_page', () => {
  const db = createDatabase();

  it('lists the latest first, of all wallets, each once from either end in pages of any size; before an instant', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset)];
    const lots = [...(await granted(db, one, [1, 9, null, 5])), ...(await granted(db, two, [7, 3]))];
    const of = (...places: number[]) => places.map((n) => lots[n]);

    for (const size of [1, 2, 5, 6])
      for (const backwards of [false, true]) {
        expect(await found(db, {}, size, backwards)).toEqual(of(1, 4, 3, 5, 0));
        expect(await found(db, { before: await inMs(db, 6 * HOUR) }, size, backwards)).toEqual(of(3, 5, 0));
      }
    const first = await pageOf(db, 'expiring_lots', { first: 2 });
    expect((await pageOf(db, 'expiring_lots', { after: first.end_cursor, last: 1 })).keys).toMatchObject([
      { wallet_id: one, seq: 1 },
    ]);
  });

  it.each([
    ['too many', 'first', { first: 1001 }],
    ['both ends', 'last', { first: 1, last: 1 }],
    ['a cursor of nothing', 'after', { after: 'x' }],
    ['a cursor of another list', 'before_cursor', { before_cursor: '00000000-0000-8000-8000-000000000000' }],
    [
      'a cursor with a number that no lot has',
      'after',
      { after: `1.00000000-0000-8000-8000-000000000000.${'9'.repeat(19)}` },
    ],
    ['an instant that no clock shows', 'after', { after: `${'9'.repeat(20)}.00000000-0000-8000-8000-000000000000.1` }],
  ])('refuses %s with WLARG: %s', async (_, argument, args) => {
    expect(await refusal(pageOf(db, 'expiring_lots', args))).toMatchObject({ code: 'WLARG', detail: { argument } });
  });

  it('ends after a cursor that was made up', async () => {
    for (const far of ['99999999999999999', '9'.repeat(19)]) {
      const before_cursor = `${far}.00000000-0000-8000-8000-000000000000.1`;
      expect(await pageOf(db, 'expiring_lots', { before_cursor })).toMatchObject({ keys: [], has_next_page: false });
    }
  });

  it('continues after lots that expire at the end of time', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    for (const expires_at of ['294276-12-31T23:59:59.999999Z', '294276-12-31T23:59:59.999998Z'])
      await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 1, expires_at, idem_key: newKey() });
    const seqs: number[] = [];
    let after: string | undefined;
    for (let page = 0; page < 2; page += 1) {
      const { keys } = await pageOf(db, 'expiring_lots', { first: 1, after });
      seqs.push(...keys.map(({ seq }) => Number(seq)));
      after = String(keys[0]?.cursor);
    }

    expect(seqs).toEqual([1, 2]);
  });
});

describe('expiring_lots', () => {
  const db = createDatabase();

  it('has what is left of each lot and what holds reserve of it; not lots that are fully reserved, spent or expired', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    let first = '';
    const expires_at = await bookSoon(db, async (at) => {
      first = (await call(db, 'wallet_bonus', { wallet_id, amount: 4, idem_key: newKey(), expires_at: at })).seq;
    });
    const [second, third, fourth] = await granted(db, wallet_id, [1, 2, 3]);
    await passed(db, expires_at);
    const lines = async () => {
      const keys = await rowsOf(db, 'expiring_lots', {}, 2);
      const { rows } = await db.query(
        `select l.wallet_id || ' ' || l.seq as lot, l.amount::int, l.held_amount::int, l.granted_amount::int
         from jsonb_to_recordset($1) k (wallet_id uuid, seq bigint, expires_at timestamptz)
         join ledger.expiring_lots l using (wallet_id, seq, expires_at)
         order by l.expires_at`,
        [JSON.stringify(keys)],
      );
      return rows;
    };
    const lot = (name: string | undefined, amount: number, held_amount: number) => ({
      lot: name,
      amount,
      held_amount,
      granted_amount: 10,
    });

    // The first has expired, but that is not booked yet.
    expect(first).toBe('1');
    expect(await lines()).toEqual([lot(second, 10, 0), lot(third, 10, 0), lot(fourth, 10, 0)]);

    await call(db, 'wallet_spend', { wallet_id, amount: 3, idem_key: newKey() });
    const held = await call(db, 'wallet_hold', { wallet_id, amount: 9, idem_key: newKey() });
    expect(await lines()).toEqual([lot(third, 8, 2), lot(fourth, 10, 0)]);

    await call(db, 'wallet_release', { wallet_id, hold_id: held.hold_id, idem_key: newKey() });
    expect(await lines()).toEqual([lot(second, 7, 0), lot(third, 10, 0), lot(fourth, 10, 0)]);

    await call(db, 'wallet_spend', { wallet_id, amount: 17, idem_key: newKey() });
    expect(await lines()).toEqual([lot(fourth, 10, 0)]);
  });
});
