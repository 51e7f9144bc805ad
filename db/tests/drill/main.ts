/** `npm run drill`: a backup under load, a lost disk, and restores; `-- --help` lists the options. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createProgress } from '../../../bench/progress.ts';
import { command, wholeNumber } from '../../../src/command.ts';
import { Chance } from '../prove/chance.ts';
import { Tally } from '../prove/tally.ts';
import { Drill, HARMS } from './drill.ts';
import { renderReport } from './report.ts';

const DATA = fileURLToPath(new URL('../../../.data/drill', import.meta.url));

const HELP = `npm run drill -- [--seconds N] [--restores N] [--seed N]

  --seconds   of load: a quarter of it before the base backup, the rest until the server is killed (30)
  --restores  to random moments; another one goes to the end of the archive (3)
  --seed      of the choices (a new one)`;

const OPTIONS = {
  seconds: { type: 'string', default: '30' },
  restores: { type: 'string', default: '3' },
  seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000_000)) },
} as const;

await command({ help: HELP, options: OPTIONS }, async (values) => {
  const options = {
    seconds: wholeNumber('seconds', values.seconds),
    restores: wholeNumber('restores', values.restores),
    seed: wholeNumber('seed', values.seed),
  };
  const tally = new Tally();
  const progress = createProgress(process.stderr);
  const say = (text: string): void => {
    progress.show(text);
  };
  const drill = new Drill({ ...options, folder: DATA, harms: HARMS, chance: new Chance(options.seed), tally, say });
  const interrupted = new AbortController();
  let running: ReturnType<typeof drill.run> | undefined;
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      // Work in progress fails when the servers stop; ignore that.
      interrupted.abort();
      process.on('uncaughtException', () => undefined);
      process.on('unhandledRejection', () => undefined);
      // A copy in progress may have created files after the first clean-up.
      void drill
        .stop()
        .catch(() => undefined)
        .then(() => Promise.race([running?.catch(() => undefined), sleep(10_000)]))
        .then(() => drill.stop())
        .finally(() => process.exit(code));
    });
  try {
    running = drill.run();
    const report = await running;
    progress.clear();
    console.log(renderReport(report, tally, options.seed));
    return tally.isClean ? 0 : 1;
  } catch (error) {
    // The signal handler exits.
    if (interrupted.signal.aborted) return await new Promise<never>(() => undefined);
    // An unexpected error: print its stack, and the findings so far.
    console.error(...tally.words, error);
    return 1;
  } finally {
    progress.clear();
    await drill.stop();
  }
});

// Callers may still wait for a server that has gone.
process.exit();
