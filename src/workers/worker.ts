/** A gateway process. The first process has opened the database, decides when this one stops, and adds up the metrics of all. */
import '../graphql/graphile-env.ts';
import { command } from '../command.ts';
import { readConfig } from '../config.ts';
import type { Administration } from '../database/database.ts';
import { pools } from '../database/pool.ts';
import { openConfigured } from '../dev/local.ts';
import { EXIT, UsageError } from '../exit.ts';
import { shareOutput, startLog } from '../observability/log.ts';
import { observeProcess, readFamilies } from '../observability/metrics.ts';
import { flushRequests } from '../observability/observe.ts';
import { startService } from '../service.ts';
import { within } from '../within.ts';
import { ignore, type Family, type ToFirst, type ToWorker } from './messages.ts';

const HELP = 'One of several processes that serve: npm start begins them, where GATEWAY_WORKERS is more than 1.';

/** The first process has migrated already. */
const OPENED: Administration = { migrate: () => Promise.resolve(), mayMigrate: () => Promise.resolve(false) };
/** Longer than the first process waits for the other processes and for the database. */
const SCRAPE_WITHIN_MS = 10_000;

const stopped = Promise.withResolvers<undefined>();
const scrapes = new Map<number, (text: string) => void>();
let count = 0;

await command({ help: HELP }, run);
process.exit();

async function run(): Promise<number> {
  if (!process.send) throw new UsageError('npm start begins this process; see --help');
  // Terminals and service managers signal all processes: the first process decides when this one stops.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, ignore);
  const config = readConfig(process.env);
  shareOutput();
  startLog(config);
  // The first process has the connection for metrics.
  observeProcess(pools, (name) => name !== 'wallet-metrics');
  process.on('message', (message) => {
    receive(message as ToWorker);
  });
  const { stop } = await startService(config, (own) => openConfigured(own, OPENED), scrapeAll);
  await stopped.promise;
  await stop();
  return EXIT.fine;
}

function receive(message: ToWorker): void {
  if (message.kind === 'stop') stopped.resolve(undefined);
  else if (message.kind === 'scraped') scrapes.get(message.id)?.(message.text);
  else void collect(message.id);
}

async function collect(id: number): Promise<void> {
  flushRequests();
  tell({ kind: 'collected', id, families: (await readFamilies()) as unknown as Family[] });
}

async function scrapeAll(): Promise<string> {
  count += 1;
  const id = count;
  const answer = Promise.withResolvers<string>();
  scrapes.set(id, answer.resolve);
  tell({ kind: 'scrape', id });
  return within(SCRAPE_WITHIN_MS, answer.promise).finally(() => scrapes.delete(id));
}

function tell(message: ToFirst): void {
  process.send?.(message, undefined, undefined, ignore);
}
