/** `npm run mutants`: the suite turns red on each deliberate fault, or a test is missing. `-- --help` lists the options. */
import { fileURLToPath } from 'node:url';
import { createProgress } from '../../../bench/progress.ts';
import { command } from '../../../src/command.ts';
import { startEmbedded } from '../../../src/dev/embedded.ts';
import { UsageError } from '../../../src/exit.ts';
import { withCopy } from './copy.ts';
import { listTests, pathOf, runTests, type Failure, type Run } from './jest.ts';
import { MUTANTS, type GatewayMutant, type Mutant, type SchemaMutant } from './mutants.ts';
import { crash } from './prove.ts';

const DATA = fileURLToPath(new URL('../../../.data/mutants', import.meta.url));
/** Mutants at a time. */
const LANES = 2;
// Nothing of a test outlives it; and each lane has as many connections as a test run has alone.
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  deadlock_timeout: '200ms',
  max_connections: String(LANES * 300),
};

const HELP = `npm run mutants -- [--only <text>] [--why] [--list]

  --only <text>  only the mutants whose name contains this
  --why          what the test said, too
  --list         their names`;

export interface Verdict {
  mutant: Mutant;
  caught: boolean;
  /** The test that turned red, or why none did. */
  by: string;
  /** What it said. */
  why?: string;
}

/** Who notices is a test. */
type Tested = SchemaMutant | GatewayMutant;

interface Bench {
  url: string;
  lanes: number;
  signal: AbortSignal;
  progress: (text: string) => void;
  tell: (verdict: Verdict) => void;
}

const OPTIONS = {
  only: { type: 'string', default: '' },
  why: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
} as const;

await command({ help: HELP, options: OPTIONS }, async ({ only, why, list }) => {
  const mutants = MUTANTS.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()));
  if (mutants.length === 0) throw new UsageError(`No mutant's name contains "${only}"`);
  if (list) {
    console.log(mutants.map(({ name }) => name).join('\n'));
    return 0;
  }
  const verdicts = await judge(mutants);
  const width = Math.max(...mutants.map(({ name }) => name.length));
  for (const verdict of verdicts) {
    console.log(`${verdict.mutant.name.padEnd(width)}  ${verdict.by}`);
    if (why && verdict.why !== undefined) console.log(`${verdict.why.replace(/^/gm, '    ')}\n`);
  }
  const caught = verdicts.filter((verdict) => verdict.caught).length;
  console.log(`\ncaught = ${caught} of ${mutants.length}`);
  return caught === mutants.length ? 0 : 1;
});

/** In the order of the mutants. One server serves all test runs. */
async function judge(mutants: Mutant[]): Promise<Verdict[]> {
  const stop = new AbortController();
  const interrupted = (): void => {
    stop.abort(new Error('Interrupted'));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  const { show, clear } = createProgress(process.stderr);
  const verdicts = new Map<Mutant, Verdict>();
  const tell = (verdict: Verdict): void => {
    verdicts.set(verdict.mutant, verdict);
    show(`${verdicts.size} of ${mutants.length}: ${verdict.mutant.name}: ${verdict.by}`);
  };
  const given = process.env.TEST_DATABASE_URL;
  const server = given
    ? { url: given, stop: () => Promise.resolve() }
    : await startEmbedded({ dataDir: DATA, database: 'postgres', settings: SETTINGS, exclusive: true });
  try {
    // Another server may have no room for two.
    const lanes = given ? 1 : LANES;
    const tested = mutants.filter((mutant): mutant is Tested => !('prove' in mutant));
    await judgeByTests(tested, { url: server.url, lanes, signal: stop.signal, progress: show, tell });
    for (const mutant of mutants) {
      if (!('prove' in mutant)) continue;
      show(`${mutant.name}: npm run prove`);
      tell({ mutant, ...(await crash(mutant, stop.signal)) });
    }
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clear();
    await server.stop();
  }
  return mutants.map((mutant) => verdicts.get(mutant)).filter((verdict) => verdict !== undefined);
}

async function judgeByTests(mutants: Tested[], { url, lanes, signal, progress, tell }: Bench): Promise<void> {
  // Red on a mutant means something only where it is green without.
  const files = [...new Set(mutants.flatMap(({ tests }) => tests))].sort().map(pathOf);
  if (files.length === 0) return;
  progress(`without a mutant: ${files.length} test files`);
  const red = await runTests({ url, files, workers: lanes, signal });
  if (red) throw new Error(`Red without a mutant: ${nameOf(red)}\n${red.message}`);

  const verdictOn = (mutant: Tested, failure: Failure | undefined): Verdict =>
    failure
      ? { mutant, caught: true, by: nameOf(failure), why: failure.message }
      : { mutant, caught: false, by: 'SURVIVED: all tests are green' };
  const unnoticed: Tested[] = [];
  await inLanes(lanes, mutants, async (mutant) => {
    const failure = await runUpon(mutant, { url, files: mutant.tests.map(pathOf), signal });
    if (failure) tell(verdictOn(mutant, failure));
    else unnoticed.push(mutant);
  });
  for (const mutant of unnoticed) {
    progress(`${mutant.name}: not noticed by ${mutant.tests.join(', ')}; now by all other tests`);
    const others = (await listTests()).filter((path) => !mutant.tests.map(pathOf).includes(path));
    tell(verdictOn(mutant, await runUpon(mutant, { url, files: others, workers: lanes, signal })));
  }
}

function runUpon(mutant: Tested, run: Run): Promise<Failure | undefined> {
  if ('sources' in mutant) return withCopy(mutant, (root) => runTests({ ...run, root }));
  return runTests({ ...run, mutant: mutant.name });
}

function nameOf({ file, test }: Failure): string {
  return `${file.replace(/^db\/tests\//, '')}: ${test}`;
}

/** Some at a time; where one fails, no more are begun. */
async function inLanes<T>(lanes: number, items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) {
        await work(item).catch((error: unknown) => {
          left.length = 0;
          throw error;
        });
      }
    }),
  );
}
