/** Batches and independent calls in one request give the results of single calls in the same order: random lists in all three forms. */
import { compareBatches } from './batches.ts';
import { createDatabase, expectSound } from './helpers.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, Math.floor(Math.random() * 1e9)];
/** Seeds for lists without lots, holds and limits. */
const PLAIN_SEEDS = [11, 12, 13, Math.floor(Math.random() * 1e9)];

describe('a batch, and each for itself, do what single calls would', () => {
  const db = createDatabase();
  const seen = new Map<string, number>();

  it.each(SEEDS)('seed %i', async (seed) => {
    await compareBatches(await db.connect(), seed, { seen });
  });

  it.each(PLAIN_SEEDS)('seed %i, without lots, holds and limits', async (seed) => {
    const { client, wallets } = await compareBatches(await db.connect(), seed, { plain: true, seen });

    const { rows } = await client.query(
      `select wallet_id from ledger_private.open_lots where wallet_id = any ($1)
       union select wallet_id from ledger_private.open_holds where wallet_id = any ($1)`,
      [wallets],
    );
    expect(rows).toEqual([]);
  });

  it('and both bookings and refusals have occurred', async () => {
    expect(seen.get('booked')).toBeGreaterThan(1000);
    await expectSound(db);
    expect([...seen.keys()].sort()).toEqual(
      expect.arrayContaining([
        ...[
          'adjustment',
          'opening',
          'exchange',
          'collection',
          'forgiveness',
          'reversal',
          'reversal owing',
          'top_up owing',
        ],
        ...['WLFND', 'WLKEY', 'WLLIM', 'WLFRZ', 'WLCLS', 'WLHLD', 'WLREV', 'WLNOT', 'WLNOW', 'WLAMT', 'WLARG'],
      ]),
    );
  });
});
