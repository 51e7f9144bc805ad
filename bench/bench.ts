/** `npm run bench`: measures the service on this machine; `-- --help` lists the options. */
import { access, constants, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { command } from '../src/command.ts';
import { UsageError } from '../src/exit.ts';
import { withClient } from './databases.ts';
import { histories, ledgers } from './growth.ts';
import { httpGroups, TITLES } from './http.ts';
import { instructions } from './instructions.ts';
import { ledger } from './ledger.ts';
import { race } from './measure.ts';
import { observability } from './observability.ts';
import type { Bench, Part, Sizes } from './part.ts';
import { createProgress } from './progress.ts';
import { describeOrigin, type BenchRecord, type Count, type Section } from './record.ts';
import { judge, renderReport } from './report.ts';
import { startServer } from './server.ts';

const DATA = fileURLToPath(new URL('../.data/bench', import.meta.url));

const FULL: Sizes = {
  rounds: 5,
  seconds: 3,
  warmUpSeconds: 2,
  wallets: 10_000,
  histories: [10, 10_000, 1_000_000],
  ledgers: [100_000, 1_000_000, 10_000_000],
  http: { wallets: 10_000, seconds: 5, warmUpSeconds: 6 },
};
const QUICK: Sizes = {
  ...FULL,
  rounds: 3,
  seconds: 0.25,
  warmUpSeconds: 0.2,
  histories: [10, 10_000, 100_000],
  ledgers: [100_000, 1_000_000],
  http: { wallets: 1_000, seconds: 0.5, warmUpSeconds: 1 },
};

const HELP = `npm run bench -- [--quick] [--only <part>] [--pgledger <file>] [--json [file]]

  --quick        two minutes in all: short turns, less data
  --only <part>  only the groups whose title contains this; observability: what logs and metrics cost
  --pgledger <file>  pgledger.sql in a checkout of github.com/pgr0ss/pgledger, to be measured too
  --json [file]  the record as JSON: to the file, or printed instead of the table`;

const http: Part = {
  titles: Object.values(TITLES),
  async prepare({ sizes, ...bench }) {
    const { wallets, warmUpSeconds, seconds } = sizes.http;
    const { groups } = await httpGroups({ ...bench, wallets, warmUpSeconds });
    return { groups, seconds };
  },
};
const PARTS = [instructions, ledger, histories, ledgers, http, observability];

type Cleaning = Bench['cleaning'];

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  json: { type: 'boolean', default: false },
  pgledger: { type: 'string' },
} as const;

await command({ help: HELP, options: OPTIONS, positional: 'file' }, async ({ quick, only, json, pgledger }, file) => {
  if (file !== undefined && !json) throw new UsageError(`Unexpected argument '${file}'; see --help`);
  const wanted = (title: string): boolean => title.toLowerCase().includes(only.toLowerCase());
  const parts = PARTS.filter(({ titles }) => titles.some(wanted));
  if (parts.length === 0) {
    throw new UsageError(
      `No group's title contains "${only}". They are:\n${PARTS.flatMap(({ titles }) => titles).join('\n')}`,
    );
  }

  if (pgledger !== undefined) {
    await access(pgledger, constants.R_OK).catch(() => {
      throw new UsageError(`${pgledger} cannot be read: --pgledger names pgledger.sql in a checkout of it`);
    });
  }

  const cleaning: Cleaning = [];
  let ending: Promise<void> | undefined;
  // Runs once: a signal, and the failure that the signal causes, wait for the same end.
  const end = (): Promise<void> => (ending ??= undo(cleaning));
  const interruption = stopOnSignals(end);
  const progress = createProgress(process.stderr);
  try {
    progress.show('starting PostgreSQL');
    const starting = startServer(DATA);
    cleaning.push(async () => (await starting).stop());
    const server = await starting;
    const notes: string[] = [];
    const sections: Section[] = [];
    const counts: Count[] = [];
    for (const part of parts) {
      const undone: Cleaning = [];
      cleaning.push(() => undo(undone));
      const bench: Bench = {
        url: server.url,
        dataDir: DATA,
        sizes: quick ? QUICK : FULL,
        pgledger,
        wanted,
        progress: progress.show,
        note: (text) => notes.push(text),
        cleaning: undone,
      };
      const measured = await measure(part, bench);
      sections.push(...measured.sections);
      counts.push(...measured.counts);
      await undo(undone);
    }
    const record: BenchRecord = {
      ...describeOrigin(await versionOf(server.url)),
      quick,
      sections,
      counts,
      verdicts: judge(sections),
      notes,
    };
    progress.clear();
    if (file !== undefined) await writeFile(file, `${JSON.stringify(record, undefined, 2)}\n`);
    console.log(json && file === undefined ? JSON.stringify(record, undefined, 2) : renderReport(record));
    return 0;
  } catch (error) {
    progress.clear();
    // The server was stopped during the measurement.
    if (interruption.code === undefined) throw error;
    return interruption.code;
  } finally {
    await end();
  }
});

async function measure(part: Part, bench: Bench): Promise<{ sections: Section[]; counts: Count[] }> {
  const { sizes, wanted, progress } = bench;
  const {
    groups,
    seconds = sizes.seconds,
    rounds = sizes.rounds,
    warmUpSeconds,
    count,
    prove,
  } = await part.prepare(bench);
  const asked = groups.filter(({ title }) => wanted(title));
  if (warmUpSeconds !== undefined) {
    for (const { title, contenders } of asked) {
      for (const contender of contenders) {
        progress(`${title}: ${contender.name}, ${contender.connections} connections, warming up`);
        await contender.run(warmUpSeconds);
      }
    }
  }
  const sections: Section[] = [];
  for (const group of asked) {
    sections.push({ title: group.title, rows: await race(group, { rounds, seconds, progress }) });
  }
  const counts = (await count?.()) ?? [];
  await prove?.();
  return { sections, counts };
}

/** On Ctrl-C, stops the server, which makes the current measurement fail. */
function stopOnSignals(end: () => Promise<void>): { code: number | undefined } {
  const interruption: { code: number | undefined } = { code: undefined };
  const stop = (code: number): void => {
    if (interruption.code !== undefined) return;
    interruption.code = code;
    // Sessions without a pending query fail too.
    process.on('uncaughtException', () => undefined);
    void end().finally(() => process.exit(code));
  };
  process.on('SIGINT', () => {
    stop(130);
  });
  process.on('SIGTERM', () => {
    stop(143);
  });
  return interruption;
}

/** Cleans up in reverse order; a failing step does not prevent the others. */
async function undo(cleaning: Cleaning): Promise<void> {
  for (let clean = cleaning.pop(); clean; clean = cleaning.pop()) await clean().catch(() => undefined);
}

async function versionOf(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ version: string }>(`select current_setting('server_version') as version`);
    return rows[0]?.version ?? 'unknown';
  });
}
