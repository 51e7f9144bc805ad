/** Books what is due, once a minute, seals and verifies, through the queue of graphile-worker; see queue.ts for its schema. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseCrontab, run, type JobHelpers, type TaskList } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../observability/log.ts';
import { ConfigError } from '../config.ts';
import { createPool } from '../database/pool.ts';
import type { Address } from '../database/pooler.ts';
import { proofCrontab, proofTasks, VERIFY_DEAD_AFTER } from './proofs.ts';
import { inTransaction, QUEUE_SCHEMA, queueLogger } from './queue.ts';

export interface Worker {
  /** Lets the batch under way end, and gives up after a while. */
  stop(): Promise<void>;
}

/** What one runner does; each has its own connections, so that none waits for another's jobs. */
export interface Jobs {
  /** Of its connections. */
  name: string;
  tasks: TaskList;
  crontab: string;
  /** Tasks that do not wait for their first minute. */
  atStart?: readonly string[];
  /** How many may be at work at once. */
  concurrency: number;
  connections: number;
}

/**
 * However many services there are, the queue hands out one of its jobs at a time, and the key leaves one waiting at
 * most. A tick also replaces a failed job that waits for its next attempt, so that no error delays the work for much longer
 * than a minute.
 */
const CRONTAB = `
* * * * * expire_due ?queue=expiry&jobKey=expire_due
*/5 * * * * release_dead ?jobKey=release_dead`;

/** A wallet in which what is due could not be booked; the error by its SQLSTATE alone. */
interface Unsettled {
  wallet_id: string;
  sqlstate: string;
  failures: number;
}

const BATCH_SIZE = 1000;
/** Of the wallets that fail in one batch, so many have a line of their own. */
const LOGGED_WALLETS = 20;
const RUN_LIMIT_MS = 5 * 60_000;
/** A job that is locked for longer than any run lasts was left by a process that died. */
const DEAD_AFTER = '10 minutes';

/** What is due, a seal and a proof may be at work at once. */
const CONCURRENCY = 3;
/** One listens for jobs, three work, one keeps the queue meanwhile. */
const CONNECTIONS = CONCURRENCY + 2;
const STATEMENT_TIMEOUT_MS = 30_000;
/** For jobs that wait to be tried again, or behind another; the others announce themselves. */
const POLL_MS = 5_000;
const RESTART_MS = 10_000;
const STOP_MS = 10_000;

/** What is due, seals and proofs. */
export function startWorker(address: Address, verifyCron: string | undefined): Worker {
  return startRunner(address, {
    name: 'wallet-worker',
    tasks: { expire_due: expireDue, release_dead: releaseDead, ...proofTasks },
    crontab: crontabWith(verifyCron),
    concurrency: CONCURRENCY,
    connections: CONNECTIONS,
  });
}

/** Returns at once; without its database it waits for it. `address` logs in as wallet_worker or as a superuser. */
export function startRunner(address: Address, jobs: Jobs): Worker {
  const pool = createPool({
    ...address,
    setting: 'WORKER_DATABASE_URL',
    needsSession: true,
    login: 'wallet_worker',
    size: jobs.connections,
    name: jobs.name,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const stopping = new AbortController();
  const ended = keepRunning(pool, jobs, stopping.signal).then(() => pool.end());
  return {
    stop: async () => {
      stopping.abort();
      await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })]);
    },
  };
}

function crontabWith(verifyCron: string | undefined): string {
  const crontab = `${CRONTAB}\n${proofCrontab(verifyCron)}`;
  try {
    parseCrontab(crontab);
  } catch (error) {
    throw new ConfigError('VERIFY_CRON must be five fields of a crontab, such as 17 3 * * *, or off', { cause: error });
  }
  return crontab;
}

/** The library gives up where it cannot start, or cannot write down how a job ended. */
async function keepRunning(pool: Pool, jobs: Jobs, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await runUntil(signal, pool, jobs);
    } catch (error) {
      log.error({ error: (error as Error).message }, jobs.name.replace('wallet-', ''));
    }
    await sleep(RESTART_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function runUntil(signal: AbortSignal, pool: Pool, jobs: Jobs): Promise<void> {
  const runner = await run({
    pgPool: pool,
    schema: QUEUE_SCHEMA,
    logger: queueLogger,
    crontab: jobs.crontab,
    taskList: jobs.tasks,
    concurrency: jobs.concurrency,
    pollInterval: POLL_MS,
    // The service does.
    noHandleSignals: true,
    // A job learns at once that it should end.
    gracefulShutdownAbortTimeout: 0,
    // Without a batch the library does not look at the outcome of these two, and an error would end the process.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  const stop = () => {
    runner.stop().catch(() => undefined);
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  for (const task of jobs.atStart ?? []) await runner.addJob(task, {}, { jobKey: task, maxAttempts: 1 });
  await runner.promise;
  signal.removeEventListener('abort', stop);
}

/** Batch by batch. What is left when the time is up is for the next run. */
async function expireDue(_payload: unknown, helpers: JobHelpers): Promise<void> {
  const deadline = Date.now() + RUN_LIMIT_MS;
  const logged = new Set<string>();
  let total = 0;
  for (let isMore = true; isMore && !helpers.abortSignal.aborted && Date.now() < deadline;) {
    const { settled, unsettled } = await expireBatch(helpers);
    total += settled;
    if (settled > 0) log.info({ wallets: total }, 'booked what was due');
    const failed = unsettled.filter(({ wallet_id, failures }) => !logged.has(`${wallet_id} ${failures}`));
    for (const { wallet_id, failures } of failed) logged.add(`${wallet_id} ${failures}`);
    logFailed(failed);
    // Behind those that have just failed there may be others.
    isMore = settled > 0 || failed.length > 0;
  }
}

/** In a transaction of its own, which also reports in which wallets the booking has failed. */
async function expireBatch(helpers: JobHelpers): Promise<{ settled: number; unsettled: Unsettled[] }> {
  return inTransaction(helpers, async (client) => {
    const { rows } = await client.query<{ settled: string }>('select ledger.wallet_expire_due($1) as settled', [
      BATCH_SIZE,
    ]);
    const { rows: unsettled } = await client.query<Unsettled>(
      'select wallet_id, sqlstate, failures from ledger.ledger_unsettled(now())',
    );
    return { settled: Number(rows[0]?.settled), unsettled };
  });
}

function logFailed(failed: Unsettled[]): void {
  for (const facts of failed.slice(0, LOGGED_WALLETS)) log.error(facts, 'what is due in a wallet could not be booked');
  if (failed.length > LOGGED_WALLETS)
    log.error(
      { wallets: failed.length },
      'what is due in these wallets could not be booked: ledger_unsettled() lists them',
    );
}

/** The library itself would let the queue of a process that died wait for four hours. */
async function releaseDead(_payload: unknown, helpers: JobHelpers): Promise<void> {
  await helpers.query(
    `select ${QUEUE_SCHEMA}.force_unlock_workers(array(
       select distinct locked_by from ${QUEUE_SCHEMA}.jobs where locked_at < now() - case task_identifier when 'verify' then $2 else $1 end::interval))`,
    [DEAD_AFTER, VERIFY_DEAD_AFTER],
  );
}
