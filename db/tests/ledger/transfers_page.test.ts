import { age } from '../aged.ts';
import {
  call,
  createDatabase,
  newAsset,
  newKey,
  newWallet,
  postBatch,
  refusal,
  writing,
  type Database,
} from '../helpers.ts';
import { pageOf, pagesOf, rowsOf } from '../pages.ts';

const db = createDatabase();
const HOUR_AGO = (): string => new Date(Date.now() - 3_600_000).toISOString();

/** A wallet of a new asset with movements of several kinds, and their ids, newest first. */
async function history(session: Database, count = 12): Promise<{ asset: string; wallet_id: string; ids: string[] }> {
  const asset = await newAsset(session);
  const wallet_id = await newWallet(session, asset);
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const name = n % 3 === 2 ? 'wallet_spend' : 'wallet_top_up';
    const receipt = await call(session, name, { wallet_id, amount: 1, idem_key: newKey(), metadata: { n: n % 4 } });
    ids.unshift(receipt.transfer_id);
  }
  return { asset, wallet_id, ids };
}

async function expected(condition: string, values: unknown[] = []): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select t.id from ledger.transfers t join ledger.wallets w on w.id = t.wallet_id where ${condition} order by t.id desc`,
    values,
  );
  return rows.map(({ id }) => id);
}

describe('transfers_page', () => {
  it('can be read in pages of any size from either end, each movement once, newest first', async () => {
    const { asset, ids } = await history(db);
    const args = { asset_code: asset, from: HOUR_AGO() };

    for (const size of [1, 5, 12, 13]) {
      for (const backwards of [false, true]) {
        const keys = await rowsOf(db, 'transfers', args, size, { backwards });
        expect(keys.map(({ id }) => id)).toEqual(ids);
        expect(keys.map(({ cursor }) => cursor)).toEqual(ids);
      }
    }
    expect((await rowsOf(db, 'transfers', {}, 1000)).map(({ id }) => id)).toEqual(await expected('true'));
  });

  it('can be read between two cursors, and is empty if they are in the wrong order', async () => {
    const { asset, ids } = await history(db, 6);
    const args = { asset_code: asset, from: HOUR_AGO() };
    const between = async (more: object) =>
      (await pageOf(db, 'transfers', { ...args, ...more })).keys.map(({ id }) => id);

    expect(await between({ after: ids[1], before: ids[4] })).toEqual(ids.slice(2, 4));
    expect(await between({ after: ids[0], before: ids[5], first: 2 })).toEqual(ids.slice(1, 3));
    expect(await between({ after: ids[0], before: ids[5], last: 2 })).toEqual(ids.slice(3, 5));
    expect(await between({ before: ids[3] })).toEqual(ids.slice(0, 3));
    expect(await between({ after: ids[4], before: ids[1] })).toEqual([]);
    expect(await between({ first: 0 })).toEqual([]);
  });

  it('filters by kinds, caller, asset, key and metadata, and by all of them together', async () => {
    const { asset, wallet_id } = await history(db);
    await history(db);
    const operator = await db.connectAs('operator', 'kim');
    await call(operator, 'wallet_bonus', {
      wallet_id,
      amount: 7,
      idem_key: 'the key',
      metadata: { n: 1, ref: { a: [1, 2] } },
    });
    const found = async (args: object) =>
      (await rowsOf(operator, 'transfers', { from: HOUR_AGO(), ...args }, 5)).map(({ id }) => id);

    expect(await found({ kinds: ['spend', 'bonus'] })).toEqual(await expected("t.kind in ('spend', 'bonus')"));
    expect(await found({ kinds: [] })).toEqual([]);
    expect(await found({ actor: 'operator:kim' })).toEqual(await expected("t.actor = 'operator:kim'"));
    expect(await found({ actor: 'operator:ki' })).toEqual([]);
    expect(await found({ asset_code: asset })).toEqual(await expected('w.asset_code = $1', [asset]));
    expect(await found({ asset_code: 'NONE' })).toEqual([]);
    expect(await found({ metadata: { n: 1 } })).toEqual(await expected("t.metadata ->> 'n' = '1'"));
    expect(await found({ metadata: { ref: { a: [2] } } })).toHaveLength(1);
    const one = await found({ idem_key: 'the key' });
    expect(one).toEqual(await expected("t.idem_key = 'the key'"));
    const all = { kinds: ['bonus'], actor: 'operator:kim', asset_code: asset, idem_key: 'the key', metadata: { n: 1 } };
    expect(await found(all)).toEqual(one);
    for (const [name, value] of Object.entries({
      kinds: ['spend'],
      actor: 'x',
      asset_code: 'x',
      idem_key: 'x',
      metadata: { n: 2 },
    }))
      expect(await found({ ...all, [name]: value })).toEqual([]);
  });

  it('finds a key in each wallet that used it, without a period, byte by byte', async () => {
    const asset = await newAsset(db);
    const wallets = [await newWallet(db, asset), await newWallet(db, asset), await newWallet(db, asset)];
    const receipts = await postBatch(
      db,
      wallets.flatMap((wallet_id) =>
        ['Größe-1', 'größe-1'].map((idem_key) => ({ kind: 'top_up', wallet_id, amount: 1, idem_key })),
      ),
    );
    const ids = receipts.filter((_, n) => n % 2 === 0).map(({ transfer_id }) => transfer_id);

    for (const backwards of [false, true])
      expect((await rowsOf(db, 'transfers', { idem_key: 'Größe-1' }, 2, { backwards })).map(({ id }) => id)).toEqual(
        ids.sort().reverse(),
      );
  });

  it('includes from and excludes to', async () => {
    const { asset, ids } = await history(db, 5);
    const { rows } = await db.query<{ at: string }>(
      'select created_at::text as at from ledger.transfers t where id = any ($1) order by id desc',
      [ids],
    );
    const at = rows.map((row) => row.at);
    const found = async (args: object) =>
      (await rowsOf(db, 'transfers', { asset_code: asset, ...args }, 2)).map(({ id }) => id);

    expect(await found({ from: at[3] })).toEqual(ids.slice(0, 4));
    expect(await found({ from: at[3], to: at[1] })).toEqual(ids.slice(2, 4));
    expect(await found({ from: at[1], to: at[3] })).toEqual([]);
    expect(await found({ from: at[2], to: at[2] })).toEqual([]);
    expect(await found({ from: HOUR_AGO(), to: at[0] })).toEqual(ids.slice(1));
  });
});

describe('transfers_page of movements with ids older than their booking', () => {
  const old = createDatabase();

  it('filters by the time of the booking, as far as ids and times have one order', async () => {
    const first = await history(old, 4);
    await age(old, '40 days');
    const second = await history(old, 4);
    await age(old, '10 days');
    const third = await history(old, 4);
    const days = (count: number) => new Date(Date.now() - count * 86_400_000).toISOString();
    const found = async (args: object) => (await rowsOf(old, 'transfers', { ...args }, 3)).map(({ id }) => id);

    expect(await found({ from: days(60), to: days(45) })).toEqual(first.ids);
    expect(await found({ from: days(11), to: days(9) })).toEqual(second.ids);
    expect(await found({ from: days(11) })).toEqual([...third.ids, ...second.ids]);
    expect(await found({ to: days(9) })).toEqual([...second.ids, ...first.ids]);
    expect(await found({ from: days(45), to: days(20) })).toEqual([]);
    expect(await found({ kinds: ['spend'], from: days(60), to: days(45) })).toHaveLength(1);
  });
});

describe('transfers_page while others book', () => {
  it('continues at the same place: each movement comes once', async () => {
    const { asset, wallet_id, ids } = await history(db, 9);
    const args = { asset_code: asset, from: HOUR_AGO() };
    const read: string[] = [];
    let after: string | null = null;
    for (let more = true; more;) {
      const page = await pageOf(db, 'transfers', { ...args, first: 2, after });
      read.push(...page.keys.map(({ id }) => id));
      await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
      ({ has_next_page: more, end_cursor: after } = page);
    }

    expect(read).toEqual(ids);
  });
});

describe('transfers_page of a ledger with many movements', () => {
  const many = createDatabase();
  const COUNT = 4_400;
  let asset = '';
  let wallet_id = '';

  beforeAll(async () => {
    asset = await newAsset(many);
    wallet_id = await newWallet(many, asset);
    const book = (kind: string, amount: number) => ({ kind, wallet_id, amount, idem_key: newKey() });
    await postBatch(many, [book('top_up', 100), book('spend', 1)]);
    for (let n = 0; n < COUNT; n += 2200)
      await postBatch(
        many,
        Array.from({ length: 2200 }, () => book('top_up', 1)),
      );
    await postBatch(many, [book('spend', 1)]);
  }, 120_000);

  it('reads 2000 for a page, and returns the cursor to continue even if it found fewer', async () => {
    const args = { kinds: ['spend'], from: HOUR_AGO() };
    for (const backwards of [false, true]) {
      const pages = await pagesOf(many, 'transfers', args, 2, { backwards });

      expect(pages.map(({ keys }) => keys.length)).toEqual([1, 0, 1]);
      for (const page of pages.slice(0, 2)) {
        expect(backwards ? page.start_cursor : page.end_cursor).toEqual(expect.any(String));
      }
      expect(pages[1]).toMatchObject(
        backwards ? { end_cursor: null, has_next_page: false } : { start_cursor: null, has_previous_page: false },
      );
    }
  });

  it('needs a period for a key of many movements', async () => {
    await writing(many, (client) =>
      client.query(
        `insert into ledger.entries
         select (jsonb_populate_record(e, jsonb_build_object('wallet_id', gen_random_uuid(), 'transfer_id', uuidv7(),
           'idem_key', 'welcome', 'created_at', clock_timestamp()))).*
         from ledger.entries e, generate_series(1, 2001) where e.wallet_id = $1 and e.seq = 1`,
        [wallet_id],
      ),
    );

    expect(await refusal(pageOf(many, 'transfers', { idem_key: 'welcome' }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'from', max_days: 31 },
    });
    expect(await rowsOf(many, 'transfers', { idem_key: 'welcome', from: HOUR_AGO() }, 1000)).toHaveLength(2001);
  });
});

describe('transfers_page refuses', () => {
  const day = (date: string): string => `${date}T00:00:00Z`;

  it.each([
    ['no range for kinds', 'from', { kinds: ['spend'] }],
    ['no range for a caller', 'from', { actor: 'operator:kim' }],
    ['no range for an asset', 'from', { asset_code: 'GOLD' }],
    ['no range for metadata', 'from', { metadata: {} }],
    ['no beginning of the range', 'from', { metadata: {}, to: day('2026-01-01') }],
    ['more than 31 days', 'from', { metadata: {}, from: day('2026-01-01'), to: '2026-02-01T00:00:00.000001Z' }],
    [
      'more than 31 days until now',
      'from',
      { metadata: {}, from: new Date(Date.now() - 32 * 86_400_000).toISOString() },
    ],
    ['a range without beginning', 'from', { metadata: {}, from: '-infinity', to: day('2026-01-01') }],
    ['a range without end', 'from', { metadata: {}, from: day('2026-01-01'), to: 'infinity' }],
    ['too many', 'first', { first: 1001 }],
    ['less than none', 'first', { first: -1 }],
    ['too many from the end', 'last', { last: 1001 }],
    ['both ends', 'last', { first: 1, last: 1 }],
    ['a cursor of nothing', 'after', { after: 'nothing' }],
    ['an empty cursor', 'before', { before: '' }],
    ['a cursor of another list', 'before', { before: '1.2.3' }],
    ['metadata that is no object', 'metadata', { metadata: '[]' }],
    ['metadata that is null', 'metadata', { metadata: 'null' }],
  ])('%s with WLARG: %s', async (_, argument, args) => {
    expect(await refusal(pageOf(db, 'transfers', args))).toMatchObject({ code: 'WLARG', detail: { argument } });
  });

  it("no period of exactly 31 days, whatever the session's time zone", async () => {
    const session = await db.connect();
    // The clocks change within the period.
    await session.query("set time zone 'Europe/Berlin'");
    const march = { metadata: {}, from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z' };

    expect(await pageOf(session, 'transfers', march)).toMatchObject({ keys: [], has_next_page: false });
  });
});
