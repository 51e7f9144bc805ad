/** Makes random calls to the ledger and the model, and compares answers and balances. */
import fc from 'fast-check';
import type pg from 'pg';
import { newAsset } from '../helpers.ts';
import { command, MERGING, OTHERS, WALLETS } from './commands.ts';
import { Twin } from './twin.ts';

const COMMANDS = 60;

export interface Run {
  seed: number;
  runs: number;
  limitMs: number;
  /** As printed by a failure. */
  path?: string | undefined;
  replay?: string | undefined;
}

/** Makes all calls in one session; throws with the shortest sequence that differs. `seen` counts the outcomes. */
export async function checkModel(client: pg.Client, run: Run, seen = new Map<string, number>()): Promise<void> {
  const ask = async (commands: Iterable<fc.AsyncCommand<Twin, Twin>>) => {
    // New assets for each run, because settings of one run would stay.
    const [asset, foreign] = [await newAsset(client), await newAsset(client)];
    const twin = await Twin.start(
      client,
      {
        ...Object.fromEntries([...WALLETS, ...MERGING].map((name) => [name, asset])),
        ...Object.fromEntries([...OTHERS, 'foreign'].map((name) => [name, foreign])),
      },
      seen,
    );
    try {
      for (const name of [...WALLETS.slice(0, 3), ...MERGING, ...OTHERS, 'foreign']) await twin.open(name);
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
        ...(run.replay && { replayPath: run.replay }),
      }),
      ask,
    ),
    {
      seed: run.seed,
      numRuns: run.runs,
      interruptAfterTimeLimit: run.limitMs,
      markInterruptAsFailure: true,
      ...(run.path && { path: run.path }),
    },
  );

  if (details.failed) throw new Error(report(details));
}

/** How to repeat a failure, its calls, and the difference. */
function report<T>(details: fc.RunDetails<T>): string {
  const { seed, counterexamplePath, counterexample, errorInstance } = details;
  const calls = String(counterexample);
  const [, replay = ''] = /replayPath="([^"]*)"/.exec(calls) ?? [];
  const variables = `MODEL_SEED=${seed} MODEL_PATH=${counterexamplePath ?? ''} MODEL_REPLAY=${replay}`;
  const differs = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
  return `${variables} npm test -- db/tests/model.test.ts\n${calls}\n${differs ?? ''}`;
}
