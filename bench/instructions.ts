/**
 * Counts the instructions of a call inside the server with callgrind. A separate server process repeats the call, so that the figures are
 * independent of the machine's load.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { preparePlace, startEmbedded, type Place } from '../src/dev/embedded.ts';
import { installLoad, migrateAll, settle, withClient } from './databases.ts';
import type { Bench, Part } from './part.ts';
import { installPgledger } from './peers/pgledger.ts';
import type { Count } from './record.ts';
import { remove } from './server.ts';

export const INSTRUCTIONS = 'Instructions per call, in the database';
export const INSTRUCTIONS_FLOOR = 'floor: three bare inserts';

const CROWD = 'gold';
const WALLETS = 1_000;
const BATCH = 1_000;
/** Calls before the count, in two statements: by then plans are cached. */
const WARM_UP_CALLS = 200;
const CALLS = 200;
const WARM_UP_BATCHES = 6;
const BATCHES = 3;
const GROUP = 32;
const WARM_UP_GROUPS = 16;
const GROUPS = 24;
const LIMIT_MS = 20 * 60_000;
/** A function that nothing else calls: when it is entered, callgrind writes its counts and resets them. */
const MARK = 'pg_postmaster_start_time';

interface Counted {
  name: string;
  /** Takes the number of calls as its last argument. */
  procedure: string;
  warmUp: number;
  /** How often the procedure is repeated, and how many calls that makes. */
  repeat: number;
  calls: number;
}

const single = (name: string, procedure: string, args = `'${CROWD}', `): Counted => ({
  name,
  procedure: `${procedure}(${args}`,
  warmUp: WARM_UP_CALLS / 2,
  repeat: CALLS,
  calls: CALLS,
});

const LEDGER: Counted[] = [
  single(INSTRUCTIONS_FLOOR, 'count_floor'),
  single('the loop alone, which is in each of these', 'count_loop'),
  single('top-up', 'count_top_up'),
  single('spend', 'count_spend'),
  single('transfer', 'count_transfer'),
  {
    name: `a movement in batches of ${BATCH.toLocaleString('en')} mixed`,
    procedure: `count_batch('${CROWD}', ${BATCH}, `,
    warmUp: WARM_UP_BATCHES / 2,
    repeat: BATCHES,
    calls: BATCHES * BATCH,
  },
  {
    name: `a top-up among ${GROUP}, each for itself`,
    procedure: `count_each('${CROWD}', ${GROUP}, `,
    warmUp: WARM_UP_GROUPS / 2,
    repeat: GROUPS,
    calls: GROUPS * GROUP,
  },
];
const PGLEDGER: Counted[] = [single('pgledger: a transfer', 'count_transfer', '')];

export const instructions: Part = {
  titles: [INSTRUCTIONS],
  prepare(bench) {
    if (spawnSync('valgrind', ['--version']).status !== 0) {
      bench.note('Left out: instructions per call, which valgrind counts; it is not at hand.');
      return Promise.resolve({ groups: [] });
    }
    // A separate server, which is stopped before a single process is started on its data.
    const dataDir = `${bench.dataDir}-instructions`;
    bench.cleaning.push(() => remove(dataDir));
    return Promise.resolve({ groups: [], count: () => countAll(bench, dataDir) });
  },
};

async function countAll({ progress, pgledger }: Bench, dataDir: string): Promise<Count[]> {
  progress(`${INSTRUCTIONS}: ${WALLETS} wallets`);
  await remove(dataDir);
  const server = await startEmbedded({ dataDir, database: 'ledger', settings: { fsync: 'off' }, exclusive: true });
  try {
    await migrateAll(server.url);
    await withClient(server.url, async (client) => {
      await installLoad(client);
      await client.query('call bench.open_players($1, array[$1], $2)', [CROWD, WALLETS]);
      await client.query('call bench.fund_players($1)', [CROWD]);
      await settle(client);
    });
    if (pgledger !== undefined) await installPgledger(server.url, 'pgledger', pgledger);
  } finally {
    await server.stop();
  }
  const place = preparePlace(dataDir);
  const counts = await count(place, 'ledger', LEDGER, progress);
  if (pgledger !== undefined) counts.push(...(await count(place, 'pgledger', PGLEDGER, progress)));
  const floor = counts.find(({ name }) => name === INSTRUCTIONS_FLOOR)?.instructions ?? NaN;
  return counts.map((each) => ({ ...each, ratio: each.instructions / floor }));
}

/**
 * Runs all in one process. Each statement is between two marks; the first two marks have none between them, which gives the cost of a mark.
 */
async function count(
  place: Place,
  database: string,
  counted: Counted[],
  progress: Bench['progress'],
): Promise<Omit<Count, 'ratio'>[]> {
  const mark = `select ${MARK}()`;
  const call = ({ procedure }: Counted, times: number): string => `call bench.${procedure}${times})`;
  const statements = [
    'set session authorization wallet_job',
    mark,
    mark,
    ...counted.flatMap((each) => [
      call(each, each.warmUp),
      call(each, each.warmUp),
      mark,
      call(each, each.repeat),
      mark,
    ]),
  ];
  const out = join(place.home, `callgrind-${database}`);
  progress(`${INSTRUCTIONS}: ${counted.map(({ name }) => name).join(', ')}`);
  await runUnderCallgrind(place, database, out, statements);
  const [, marking = NaN, ...totals] = await readTotals(out);
  return counted.map(({ name, calls }, number) => ({
    name,
    instructions: Math.round(((totals[2 * number + 1] ?? NaN) - marking) / calls),
  }));
}

/** A single-user server reads statements, one per line, until the end of its input. */
async function runUnderCallgrind(place: Place, database: string, out: string, statements: string[]): Promise<void> {
  const child = spawn(
    'valgrind',
    [
      '--tool=callgrind',
      '--vgdb=no',
      `--callgrind-out-file=${out}`,
      `--dump-before=${MARK}`,
      join(place.bin, 'postgres'),
      '--single',
      '-D',
      place.data,
      '-c',
      'exit_on_error=on',
      database,
    ],
    { ...place.account, cwd: place.home, stdio: ['pipe', 'ignore', 'pipe'], timeout: LIMIT_MS, killSignal: 'SIGKILL' },
  );
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(statements.map((statement) => `${statement}\n`).join(''));
  const code = await new Promise<number | null>((ended, failed) => child.once('error', failed).once('close', ended));
  const errors = told.split('\n').filter((line) => /ERROR|FATAL|PANIC/.test(line));
  if (code !== 0 || errors.length > 0) {
    throw new Error(`The server under callgrind ended with ${code}: ${errors[0] ?? told.trim().split('\n').at(-1)}`);
  }
}

/** The counts before each mark, in order. */
async function readTotals(out: string): Promise<number[]> {
  const folder = join(out, '..');
  const dumps = (await readdir(folder))
    .map((file) => ({ file, number: Number(file.slice(out.length - folder.length).replace('.', '')) }))
    .filter(({ file, number }) => file.startsWith(out.slice(folder.length + 1)) && number > 0)
    .sort((a, b) => a.number - b.number);
  return Promise.all(
    dumps.map(async ({ file }) => Number(/^totals: (\d+)$/m.exec(await readFile(join(folder, file), 'utf8'))?.[1])),
  );
}
