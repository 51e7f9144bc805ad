import { createDatabase } from '../helpers.ts';

const db = createDatabase();

describe('wallet_stripe', () => {
  it('ranks ids among 32 equal ranges of their hash', async () => {
    const {
      rows: [seen],
    } = await db.query(
      `select min(s) as lowest, max(s) as highest, count(distinct s)::int as stripes, bool_and(s = ((h + 2147483648) / 134217728)) as ranked
       from generate_series(1, 5000) n, lateral (select ledger.wallet_id(n::text, 'GOLD') as id) i,
         lateral (select ledger.wallet_stripe(id) as s, uuid_hash(id)::bigint as h) x`,
    );

    expect(seen).toEqual({ lowest: 0, highest: 31, stripes: 32, ranked: true });
  });

  it.each([
    ['00000000-0000-0000-0000-000000000000', 26],
    ['ffffffff-ffff-ffff-ffff-ffffffffffff', 10],
  ])('puts %s where it has always been', async (id, stripe) => {
    const {
      rows: [row],
    } = await db.query('select ledger.wallet_stripe($1) as stripe', [id]);

    expect(row).toEqual({ stripe });
  });
});
