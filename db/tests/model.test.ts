/**
 * Compares random calls of the ledger, one after the other, with a model in plain TypeScript: answers and balances must be equal. For a
 * longer run, or to repeat one: MODEL_SEED, MODEL_RUNS, and MODEL_PATH and MODEL_REPLAY as printed by a failure.
 */
import { createDatabase, expectSound } from './helpers.ts';
import { checkModel } from './model/check.ts';
import { LIMITS } from './model/wallet.ts';

const SEED = Number(process.env.MODEL_SEED ?? 20_261_122);
const RUNS = Number(process.env.MODEL_RUNS ?? 20);
const { MODEL_PATH, MODEL_REPLAY } = process.env;
const BOOKED = [
  'top_up',
  'bonus',
  'spend',
  'transfer',
  'hold',
  'capture',
  'release',
  'reversal',
  'expiry',
  'opening',
  'exchange',
  'adjustment',
  'collection',
  'forgiveness',
  'merge',
  'spend again',
  'exchange again',
  'merge again',
  'top_up before a collection',
  'redacted',
];
const REFUSED = 'WLAMT WLARG WLSLF WLNOW WLNOH WLNOT WLAST WLKEY WLFRZ WLCLS WLHLD WLREV WLLIM WLFND'.split(' ');
const RULES = ['WLKEY payment', 'WLLIM owed', ...LIMITS.map((limit) => `WLLIM ${limit}`)];
/** A run takes tenths of a second, and a failing one is repeated while it is shrunk. */
const LIMIT_MS = 600_000 + RUNS * 10_000;

describe('the ledger', () => {
  const db = createDatabase();
  const seen = new Map<string, number>();

  it(
    'answers like the model',
    async () => {
      const client = await db.connect();

      await checkModel(
        client,
        { seed: SEED, runs: RUNS, limitMs: LIMIT_MS - 20_000, path: MODEL_PATH, replay: MODEL_REPLAY },
        seen,
      );
    },
    LIMIT_MS,
  );

  const whole = MODEL_PATH === undefined && RUNS >= 20 ? it : it.skip;
  whole('has been asked for enough to book each kind and to refuse for each reason', () => {
    expect([...BOOKED, ...REFUSED, ...RULES].filter((outcome) => !seen.has(outcome))).toEqual([]);
  });

  it('is sound afterwards', () => expectSound(db));
});
