import { createDatabase } from '../helpers.ts';

const db = createDatabase();
const nodeOf = async (id: string | null) =>
  (await db.query<{ node: string | null }>('select ledger.wallet_node($1) as node', [id])).rows[0]?.node;

const BOUNDS = [
  ['00000000-0000-0000-0000-000000000000', '3fffffff-ffff-ffff-ffff-ffffffffffff'],
  ['40000000-0000-0000-0000-000000000000', 'bfffffff-ffff-ffff-ffff-ffffffffffff'],
  ['c0000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
] as const;

describe('wallet_node', () => {
  it('is null where a ledger has one database', async () => {
    for (const id of BOUNDS.flat()) expect(await nodeOf(id)).toBeNull();
  });

  it('names the node of a wallet, from the first id of its range to the last, and is null for those of this one', async () => {
    const ranges = BOUNDS.map(([first_id, last_id], at) => ({ first_id, last_id, node: ['a', 'b', 'c'][at] }));
    await db.query('select ledger_private.node_ranges_set(node => $1, ranges => $2)', ['b', JSON.stringify(ranges)]);

    expect(await Promise.all(BOUNDS[0].map(nodeOf))).toEqual(['a', 'a']);
    expect(await Promise.all(BOUNDS[1].map(nodeOf))).toEqual([null, null]);
    expect(await Promise.all(BOUNDS[2].map(nodeOf))).toEqual(['c', 'c']);
    expect(await nodeOf(null)).toBeNull();
  });
});
