/** `npm run prove`: what the ledger keeps of its promises while everything fails; `-- --help` lists the options. */
import { fileURLToPath } from 'node:url';
import { withClient } from '../../../bench/databases.ts';
import { createProgress, type Progress } from '../../../bench/progress.ts';
import { describeOrigin } from '../../../bench/record.ts';
import { command, wholeNumber } from '../../../src/command.ts';
import { UsageError } from '../../../src/exit.ts';
import { Chance } from './chance.ts';
import { checkAtRest, withChecker } from './checker.ts';
import { Cluster } from './cluster.ts';
import { proveLossIsSeen } from './control.ts';
import { connectOperator, crowd } from './crowd.ts';
import { FAULTS } from './faults.ts';
import { renderTally } from './report.ts';
import { openAsset, prepareLedger, TEMPLATE } from './ledger.ts';
import { runRound } from './round.ts';
import { Tally } from './tally.ts';

const DATA = fileURLToPath(new URL('../../../.data/prove', import.meta.url));
const ROUND_SECONDS = 60;
const CLIENTS = 16;
const CROWD_CLIENTS = 8;
const CROWD_WALLETS = 10;

const HELP = `npm run prove -- [--seconds N] [--seed N] [--clients N] [--faults a,b,c] [--setting name=value] [--crowd]

  --seconds   of load, in rounds of at most ${ROUND_SECONDS} (60)
  --seed      of the choices (a new one)
  --clients   callers at a time (${CLIENTS})
  --faults    of ${FAULTS.join(', ')} (all); "none" for none
  --setting   of PostgreSQL, to see what a weaker one loses; may be given several times
  --crowd     instead of all that: groups over the same ${CROWD_WALLETS} wallets, in random orders, on ${CROWD_CLIENTS} connections, or as many
              as --clients says; none may deadlock, none that is not to wait may wait`;

interface Options {
  seconds: number;
  seed: number;
  clients: number;
  faults: string[];
  settings: Record<string, string>;
  crowd: boolean;
}

const OPTIONS = {
  seconds: { type: 'string', default: '60' },
  seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000_000)) },
  clients: { type: 'string' },
  crowd: { type: 'boolean', default: false },
  faults: { type: 'string', default: FAULTS.join(',') },
  setting: { type: 'string', multiple: true, default: [] as string[] },
} as const;

await command({ help: HELP, options: OPTIONS }, async (values) => {
  const options = readOptions(values);
  const tally = new Tally();
  const progress = createProgress(process.stderr);
  const chance = new Chance(options.seed);
  progress.show('starting PostgreSQL');
  const cluster = await Cluster.start(DATA, options.settings);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      // What is under way breaks by it, and nobody waits for that.
      process.on('uncaughtException', () => undefined);
      void cluster.stop().finally(() => process.exit(code));
    });
  try {
    await prepareLedger(cluster.url('postgres'));
    if (options.crowd) return await proveCrowd(options, cluster, tally, progress);
    const hasFailover = options.faults.includes('failover');
    if (hasFailover) {
      progress.show('adding a synchronous standby');
      await cluster.addStandby();
    }
    const rounds = Math.ceil(options.seconds / ROUND_SECONDS);
    for (let round = 1; round <= rounds; round += 1) {
      const ticking = setInterval(() => {
        progress.show(`round ${round} of ${rounds}: ${tally.summary}`);
      }, 5_000);
      await runRound({
        ...options,
        cluster,
        database: `wallet_prove_${round}`,
        seconds: options.seconds / rounds,
        chance: chance.fork(),
        tally,
        name: `prove-${options.seed}-${round}`,
      }).finally(() => {
        clearInterval(ticking);
      });
    }
    if (hasFailover) await proveLossIsSeen({ ...options, cluster, chance: chance.fork(), tally });
    progress.clear();
    const [server] = await cluster.administer<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    console.log(renderTally(tally, options.seed, describeOrigin(server?.version ?? 'unknown')));
    return tally.isClean ? 0 : 1;
  } catch (error) {
    // Nothing that was foreseen: where it came from matters.
    console.error(error);
    return 1;
  } finally {
    progress.clear();
    await cluster.stop();
  }
});

// After a failure some caller may still be waiting for a server that is gone.
process.exit();

function readOptions(values: {
  seconds: string;
  seed: string;
  clients?: string | undefined;
  faults: string;
  setting: string[];
  crowd: boolean;
}): Options {
  const faults = values.faults === 'none' ? [] : values.faults.split(',');
  const unknown = faults.filter((name) => !FAULTS.includes(name));
  if (unknown.length > 0) throw new UsageError(`No such fault: ${unknown.join(', ')}; see --help`);
  return {
    seconds: wholeNumber('seconds', values.seconds),
    seed: wholeNumber('seed', values.seed),
    clients: wholeNumber('clients', values.clients ?? String(values.crowd ? CROWD_CLIENTS : CLIENTS)),
    faults,
    crowd: values.crowd,
    settings: Object.fromEntries(values.setting.map(readSetting)),
  };
}

async function proveCrowd(
  { seconds, seed, clients }: Options,
  cluster: Cluster,
  tally: Tally,
  progress: Progress,
): Promise<number> {
  const database = 'wallet_prove_crowd';
  await cluster.administer(`create database ${database} template ${TEMPLATE}`);
  const url = cluster.url(database);
  const wallets = await withClient(url, (client) => openAsset(client, 'GOLD', CROWD_WALLETS));
  const end = Date.now() + seconds * 1000;
  const ticking = setInterval(() => {
    progress.show(tally.summary);
  }, 5_000);
  const { promises, calls, deadlocks, waits } = await crowd({
    ...{ wallets, clients, tally, chance: new Chance(seed), name: `crowd-${seed}` },
    connect: () => connectOperator(url),
    isOver: () => Date.now() > end,
  }).finally(() => {
    clearInterval(ticking);
  });
  await withChecker(url, (client) => checkAtRest(client, promises, tally));
  progress.clear();
  const [server] = await cluster.administer<{ version: string }>("select current_setting('server_version') as version");
  console.log(renderTally(tally, seed, describeOrigin(server?.version ?? 'unknown')));
  console.log(
    `deadlocks = ${deadlocks}, waits = ${waits}, calls = ${calls}, connections = ${clients}, wallets = ${wallets.length}`,
  );
  return tally.isClean && deadlocks + waits === 0 ? 0 : 1;
}

function readSetting(text: string): [string, string] {
  const [, name, value] = /^([a-z_.]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new UsageError(`Not a setting: ${text}; see --help`);
  return [name, value];
}
