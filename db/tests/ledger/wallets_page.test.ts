import { call, createDatabase, newAsset, newOwner, refusal, UNKNOWN_WALLET, writing } from '../helpers.ts';
import { pageOf, pagesOf, rowsOf } from '../pages.ts';

const db = createDatabase();

/** Opens wallets of one asset; returns their ids by owner. */
async function opened(asset: string, owners: string[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const owner_id of owners) {
    ids.set(owner_id, (await call<{ id: string }>(db, 'wallet_open', { owner_id, asset_code: asset })).id);
  }
  return ids;
}

async function ownersOf(args: object, size: number, backwards = false): Promise<string[]> {
  const keys = await rowsOf(db, 'wallets', { ...args }, size, { backwards });
  const { rows } = await db.query<{ owner_id: string }>(
    'select w.owner_id from unnest($1::uuid[]) with ordinality k (id, n) join ledger.wallets w using (id) order by k.n',
    [keys.map(({ id }) => id)],
  );
  return rows.map(({ owner_id }) => owner_id);
}

/** In the order of code points, which is that of UTF-8 bytes. */
const sorted = (owners: string[]): string[] =>
  [...owners].sort((one, two) => Buffer.compare(Buffer.from(one), Buffer.from(two)));

describe('wallets_page', () => {
  it('can be read in pages of any size from either end, in the order of owners by code points', async () => {
    const asset = await newAsset(db);
    const owners = ['b', 'B', 'a', 'a-1', 'a1', 'Z', 'ä', 'z', '\u{1f600}', '\uffee', 'A%', 'a_', "a'"];
    await opened(asset, owners);

    for (const size of [1, 4, 13, 14])
      for (const backwards of [false, true])
        expect(await ownersOf({ asset_code: asset }, size, backwards)).toEqual(sorted(owners));
  });

  it.each([
    ['a letter', 'p'],
    ['all', ''],
    ['the whole of one', 'p%x'],
    ['what a pattern would take for any', 'p%'],
    ['what a pattern would take for one', 'p_'],
    ['a backslash', 'p\\'],
    ['a letter with an accent', 'pé'],
    ['a letter beyond the first plane', 'p\u{1f600}'],
    ['the last code point', 'p\u{10ffff}'],
    ['what nobody has', 'q'],
    ['longer than any', 'x'.repeat(1000)],
  ])('finds owners by how they begin: %s', async (_, owner_prefix) => {
    const asset = await newAsset(db);
    const owners = [
      'p',
      'p%x',
      'p_y',
      'px',
      'p\\z',
      'pé',
      'pe\u0301',
      'p\u{1f600}1',
      'p\u{10ffff}',
      'p\u{10ffff}\u{10ffff}',
      'P',
      'o',
      'r',
    ];
    await opened(asset, owners);

    for (const backwards of [false, true])
      expect(await ownersOf({ asset_code: asset, owner_prefix }, 3, backwards)).toEqual(
        sorted(owners.filter((owner) => owner.startsWith(owner_prefix))),
      );
  });

  it("filters by status, asset and owner's beginning together, and has each asset of an owner", async () => {
    const [one, two] = [await newAsset(db), await newAsset(db)];
    const prefix = newOwner();
    const owners = [1, 2, 3, 4].map((n) => `${prefix}-${n}`);
    const first = await opened(one, owners);
    await opened(two, owners);
    const id = (n: number): string => first.get(owners[n] ?? '') ?? '';
    await call(db, 'wallet_freeze', { wallet_id: id(0), reason: 'why' });
    await call(db, 'wallet_freeze', { wallet_id: id(2), reason: 'why' });
    await call(db, 'wallet_close', { wallet_id: id(3), reason: 'why' });
    const found = (args: object) => ownersOf({ owner_prefix: prefix, ...args }, 2);

    expect(await found({})).toEqual(owners.flatMap((owner) => [owner, owner]));
    expect(await found({ status: 'frozen' })).toEqual([owners[0], owners[2]]);
    expect(await found({ status: 'frozen', asset_code: two })).toEqual([]);
    expect(await found({ status: 'closed', asset_code: one })).toEqual([owners[3]]);
    expect(await found({ status: 'open', asset_code: one })).toEqual([owners[1]]);
    expect(await ownersOf({ status: 'closed' }, 2)).toEqual([owners[3]]);
  });

  it('continues at the same place while others open wallets', async () => {
    const asset = await newAsset(db);
    await opened(asset, ['c', 'e', 'g', 'i']);
    const first = await pageOf(db, 'wallets', { asset_code: asset, first: 2 });
    await opened(asset, ['a', 'f', 'h']);

    const { keys } = await pageOf(db, 'wallets', { asset_code: asset, first: 10, after: first.end_cursor });

    const { rows } = await db.query<{ owner_id: string }>(
      'select owner_id from ledger.wallets where id = any ($1) order by 1',
      [keys.map(({ id }) => id)],
    );
    expect(rows.map(({ owner_id }) => owner_id)).toEqual(['f', 'g', 'h', 'i']);
  });

  it('shows a player their own wallets only, whatever the filter', async () => {
    const asset = await newAsset(db);
    const [mine, other] = [newOwner(), newOwner()];
    const ids = await opened(asset, [mine, other]);
    const player = await db.connectAs('player', mine);

    for (const args of [
      {},
      { owner_prefix: 'player' },
      { asset_code: asset },
      { status: 'open' },
      { owner_prefix: mine },
    ])
      expect((await rowsOf(player, 'wallets', args, 1)).map(({ id }) => id)).toEqual([ids.get(mine)]);
    expect((await pageOf(player, 'wallets', { owner_prefix: other })).keys).toEqual([]);
    expect(await refusal(pageOf(player, 'wallets', { after: ids.get(other) }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'after', reason: 'cursor_unknown' },
    });
  });

  it.each([
    ['too many', 'first', { first: 1001 }],
    ['both ends', 'last', { first: 1, last: 1 }],
    ['a cursor of nothing', 'after', { after: 'x' }],
    ['a cursor that names no wallet', 'before', { before: UNKNOWN_WALLET }],
  ])('refuses %s with WLARG: %s', async (_, argument, args) => {
    expect(await refusal(pageOf(db, 'wallets', args))).toMatchObject({ code: 'WLARG', detail: { argument } });
  });
});

describe('wallets_page of many wallets', () => {
  const many = createDatabase();

  it('reads 2000 for a page, and returns the cursor to continue even if it found fewer', async () => {
    await call(many, 'asset_create', { code: 'MANY', name: 'Many' });
    await writing(many, (client) =>
      client.query(
        `insert into ledger.wallets (id, owner_id, asset_code, status)
         select ledger.wallet_id('w' || to_char(n, 'FM00000'), 'MANY'), 'w' || to_char(n, 'FM00000'), 'MANY',
           case when n in (3, 4400) then 'open' else 'closed' end::ledger.wallet_status from generate_series(1, 4400) n`,
      ),
    );

    for (const backwards of [false, true]) {
      const pages = await pagesOf(many, 'wallets', { status: 'open' }, 2, { backwards });
      expect(pages.map(({ keys }) => keys.length)).toEqual([1, 0, 1]);
    }
    // Uses an index: the page is full at once.
    expect(
      (await pagesOf(many, 'wallets', { status: 'closed', owner_prefix: 'w01' }, 1000)).map(({ keys }) => keys.length),
    ).toEqual([1000]);
  });
});
