import { readFileSync } from 'node:fs';
import {
  call,
  callAll,
  createDatabase,
  newKey,
  newOwner,
  newWallet,
  refusal,
  someAsset,
  type Session,
} from './helpers.ts';

const FIRST = '00000000-0000-0000-0000-000000000000';
const LAST = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const HALVES = [
  { node: 'a', first_id: FIRST, last_id: '7fffffff-ffff-ffff-ffff-ffffffffffff' },
  { node: 'b', first_id: '80000000-0000-0000-0000-000000000000', last_id: LAST },
];
/** An owner whose wallet is in the half of that node. */
async function ownerOf(node: 'a' | 'b', asset: string): Promise<{ owner: string; id: string }> {
  for (;;) {
    const owner = newOwner();
    const { rows } = await db.query<{ id: string }>('select ledger.wallet_id($1, $2) as id', [owner, asset]);
    const id = rows[0]?.id ?? '';
    if (id < '8' === (node === 'a')) return { owner, id };
  }
}

const db = createDatabase();
/** Without wallets. */
const empty = createDatabase();
const set = (node: unknown, ranges: unknown, session: Session = db) =>
  session.query('select ledger_private.node_ranges_set(node => $1, ranges => $2)', [node, JSON.stringify(ranges)]);
const open = (owner_id: string, asset_code: string) =>
  call<{ id: string }>(db, 'wallet_open', { owner_id, asset_code });
const nodeOf = async (id: string) =>
  (await db.query<{ node: string | null }>('select ledger.wallet_node($1) as node', [id])).rows[0]?.node;

let asset = '';
beforeAll(async () => {
  asset = await someAsset(db);
});
afterEach(() => db.query('delete from ledger_private.node_ranges; delete from ledger_private.other_ranges'));

describe('node_ranges_set', () => {
  it('says whose wallets are whose; without it all are here', async () => {
    const [here, there] = [await ownerOf('a', asset), await ownerOf('b', asset)];
    expect([await nodeOf(here.id), await nodeOf(there.id)]).toEqual([null, null]);

    await set('a', HALVES);
    expect([await nodeOf(here.id), await nodeOf(there.id)]).toEqual([null, 'b']);
    expect((await open(here.owner, asset)).id).toBe(here.id);
    await set('a', HALVES.toReversed());
    expect([await nodeOf(here.id), await nodeOf(there.id)]).toEqual([null, 'b']);
  });

  it('is told as docs/operate/nodes-routing.md shows', async () => {
    const page = readFileSync(new URL('../../docs/operate/nodes-routing.md', import.meta.url), 'utf8');
    await empty.query(/```sql run by [^\n]*\n(.*?)```/s.exec(page)?.[1] ?? 'no statement');
    const { rows } = await empty.query('select node, first_id, last_id from ledger_private.other_ranges');
    expect(rows).toEqual(HALVES.filter(({ node }) => node === 'b'));
  });

  it('lets nobody open a wallet of another node (WLNOD), alone or among others', async () => {
    const [here, there] = [await ownerOf('a', asset), await ownerOf('b', asset)];
    await set('a', HALVES);

    expect(await refusal(open(there.owner, asset))).toEqual({
      code: 'WLNOD',
      message: `wrong node: b has wallet ${there.id}`,
      detail: { wallet_id: there.id, node: 'b' },
      hint: 'Send the call to that node; a call for wallets of several nodes is not possible.',
    });
    const many = callAll(db, 'wallet_open_many', { owner_ids: [here.owner, there.owner], asset_code: asset });
    expect(await refusal(many)).toMatchObject({ code: 'WLNOD', detail: { wallet_id: there.id, node: 'b', index: 1 } });
    const { rowCount } = await db.query('select from ledger.wallets where id = any ($1)', [[here.id, there.id]]);
    expect(rowCount).toBe(0);
  });

  it('names the node where a wallet is looked for that is on another one (WLNOD), and not where none is (WLNOW)', async () => {
    const [here, there] = [await ownerOf('a', asset), await ownerOf('b', asset)];
    await set('a', HALVES);
    const spend = (wallet_id: string) =>
      refusal(call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }));
    const read = (wallet_id: string) => refusal(call(db, 'wallet_balance', { wallet_id }));

    for (const ask of [spend, read]) {
      expect(await ask(there.id)).toMatchObject({ code: 'WLNOD', detail: { wallet_id: there.id, node: 'b' } });
      expect(await ask(here.id)).toMatchObject({ code: 'WLNOW', detail: { wallet_id: here.id } });
    }
    const from_wallet = await newWallet(db, asset, { owner: here.owner, bought: 10 });
    const transfer = call(db, 'wallet_transfer', { from_wallet, to_wallet: there.id, amount: 1, idem_key: newKey() });
    expect(await refusal(transfer)).toMatchObject({ code: 'WLNOD', detail: { wallet_id: there.id, node: 'b' } });
  });

  const [low, high] = HALVES as [(typeof HALVES)[number], (typeof HALVES)[number]];
  it.each<[string, unknown, unknown]>([
    ['no name', null, HALVES],
    ['no list', 'a', {}],
    ['an id without a range at the beginning', 'b', [high]],
    ['an id without a range at the end', 'a', [low]],
    ['an id that is named twice', 'a', [low, { ...high, first_id: low.last_id }]],
    ['a range that ends before it begins', 'a', [{ ...low, last_id: FIRST, first_id: low.last_id }, high]],
    ['a range without a node', 'a', [low, { ...high, node: null }]],
    ['a node that has no range', 'c', HALVES],
    ['nothing at all', 'a', []],
  ])('refuses %s (WLARG), and leaves all as it was', async (_what, node, ranges) => {
    await set('b', HALVES, empty);
    expect(await refusal(set(node, ranges, empty))).toMatchObject({ code: 'WLARG' });
    const { rows } = await empty.query('select * from ledger_private.node_ranges');
    expect(rows).toEqual([{ first_id: high.first_id, last_id: high.last_id }]);
  });

  it('refuses to give away a range of which there are wallets here (WLARG)', async () => {
    const { owner, id } = await ownerOf('b', asset);
    await open(owner, asset);
    expect(await refusal(set('a', HALVES))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'ranges', node: 'b', wallet_id: expect.any(String) as string },
    });
    expect(await nodeOf(id)).toBeNull();
  });
});
