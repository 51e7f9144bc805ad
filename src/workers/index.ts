/**
 * Optional: several gateway processes, where one CPU is not enough. The first process opens and migrates the database, runs the jobs, and
 * passes each connection to a gateway process.
 */
import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Database } from '../database/database.ts';
import { pools } from '../database/pool.ts';
import { authOf, openConfigured } from '../dev/local.ts';
import type { Worker as Jobs } from '../jobs/worker.ts';
import { describeError, log, shareOutput } from '../observability/log.ts';
import { createScrape, observeProcess } from '../observability/metrics.ts';
import { CLOSE_MS, DRAIN_MS, type Running } from '../service.ts';
import { ignore, type ToFirst, type ToWorker } from './messages.ts';
import { WorkerMetrics } from './metrics.ts';
import { partOf } from './parts.ts';
import { Workers } from './workers.ts';

/** What a service with a single process does as well. */
export interface Parts {
  announce: (config: Config, port: number, databaseUrl: string | undefined) => Promise<void>;
  startJobs: (database: Database, config: Config) => Jobs | undefined;
}

/** The pools of the first process; gateway processes have the others. */
const OWN_POOLS = ['wallet-worker', 'wallet-poller', 'wallet-metrics'];
/** In addition to the time that a gateway process may take to stop. */
const MARGIN_MS = 5_000;

/** Returns the running service, or the exit code of a gateway process that could not start and has logged why. */
export async function startWorkers(config: Config, { announce, startJobs }: Parts): Promise<Running | number> {
  shareOutput();
  // Check the secret before the database is opened.
  await authOf(config);
  const opened = await openConfigured(config);
  const { database, localUrl } = opened;
  const metrics = new WorkerMetrics();
  const workers = new Workers({
    count: config.workers,
    envOf: (place) => environmentOf(config, place, localUrl),
    onEnded: (worker) => {
      metrics.forget(worker);
    },
  });
  observeProcess(pools, (name) => OWN_POOLS.includes(name));
  const scrape = createScrape(database.metricsPool, () => metrics.gather(workers.listening));
  cluster.on('message', (worker, message: ToFirst) => {
    if (message.kind === 'collected') metrics.receive(message.id, message.families);
    else void answer(worker, message.id, scrape);
  });
  const stop = async (jobs?: Jobs): Promise<void> => {
    await Promise.all([jobs?.stop(), workers.stop(config.drainGraceMs + DRAIN_MS + CLOSE_MS + MARGIN_MS)]);
    await Promise.race([opened.close(), sleep(CLOSE_MS)]);
  };
  try {
    const begun = await workers.start();
    if (typeof begun === 'number') {
      await announce(config, begun, localUrl);
      const jobs = startJobs(database, config);
      return { ended: Promise.race([opened.ended, workers.lost]), stop: () => stop(jobs) };
    }
    if (begun.code === null) throw new Error(`A gateway process was ended by ${begun.signal} before it listened`);
    await stop();
    return begun.code;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Divides the limits of the service among the gateway processes. */
function environmentOf(
  { workers, poolSize, maxSockets }: Config,
  place: number,
  localUrl: string | undefined,
): Record<string, string> {
  return {
    GATEWAY_WORKERS: '1',
    POOL_SIZE: String(partOf(poolSize, workers, place)),
    MAX_SOCKETS: String(partOf(maxSockets, workers, place)),
    ...(localUrl !== undefined && { DATABASE_URL: localUrl, DATABASE_PASSWORD: '', DATABASE_PASSWORD_FILE: '' }),
  };
}

async function answer(worker: Worker, id: number, scrape: () => Promise<string>): Promise<void> {
  try {
    worker.send({ kind: 'scraped', id, text: await scrape() } satisfies ToWorker, ignore);
  } catch (error) {
    log.error({ error: describeError(error) }, 'the metrics of all processes cannot be added up');
  }
}
