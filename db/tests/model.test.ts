/**
 * Random calls, one after the other, of the ledger and of a model of it in plain TypeScript: the same answers, the same balances. For a
 * longer run, or for one again: MODEL_SEED, MODEL_RUNS, and MODEL_PATH and MODEL_REPLAY as a failure prints them.
 */
import fc from 'fast-check';
import { createDatabase, expectSound, newAsset } from './helpers.ts';
import { command, WALLETS } from './model/commands.ts';
import { Twin } from './model/twin.ts';

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
  'spend again',
];
const REFUSED = 'WLAMT WLARG WLSLF WLNOW WLNOH WLNOT WLAST WLKEY WLFRZ WLCLS WLHLD WLREV WLFND'.split(' ');
const COMMANDS = 60;
/** A run of this size takes some tenths of a second, and one that fails is run again until it is small. */
const LIMIT_MS = 120_000 + RUNS * 2_000;

describe('the ledger', () => {
  const db = createDatabase();
  const seen = new Map<string, number>();

  it(
    'answers as the model does, whatever is asked',
    async () => {
      const client = await db.connect();
      const [asset, foreign] = [await newAsset(db), await newAsset(db)];
      const run = async (commands: Iterable<fc.AsyncCommand<Twin, Twin>>) => {
        const twin = await Twin.start(
          client,
          { ...Object.fromEntries(WALLETS.map((name) => [name, asset])), foreign },
          seen,
        );
        try {
          for (const name of [...WALLETS.slice(0, 3), 'foreign']) await twin.open(name);
          await fc.asyncModelRun(() => ({ model: twin, real: twin }), commands);
          await twin.finish();
        } catch (error) {
          await twin.abandon();
          throw error;
        }
      };

      const details = await fc.check(
        fc.asyncProperty(
          fc.commands([command], {
            maxCommands: COMMANDS,
            size: 'max',
            ...(MODEL_REPLAY && { replayPath: MODEL_REPLAY }),
          }),
          run,
        ),
        {
          seed: SEED,
          numRuns: RUNS,
          interruptAfterTimeLimit: LIMIT_MS - 20_000,
          markInterruptAsFailure: true,
          ...(MODEL_PATH && { path: MODEL_PATH }),
        },
      );

      if (details.failed) throw new Error(report(details));
    },
    LIMIT_MS,
  );

  const whole = MODEL_PATH === undefined && RUNS >= 20 ? it : it.skip;
  whole('has been asked for enough to book each kind and to refuse for each reason', () => {
    expect([...BOOKED, ...REFUSED].filter((outcome) => !seen.has(outcome))).toEqual([]);
  });

  it('is sound afterwards', () => expectSound(db));
});

/** How to have a failure again, the calls that lead to it, and what differs. */
function report<T>(details: fc.RunDetails<T>): string {
  const { seed, counterexamplePath, counterexample, errorInstance } = details;
  const calls = String(counterexample);
  const [, replay = ''] = /replayPath="([^"]*)"/.exec(calls) ?? [];
  const variables = `MODEL_SEED=${seed} MODEL_PATH=${counterexamplePath ?? ''} MODEL_REPLAY=${replay}`;
  const differs = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
  return `${variables} npm test -- db/tests/model.test.ts\n${calls}\n${differs ?? ''}`;
}
