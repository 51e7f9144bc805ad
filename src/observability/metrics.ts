/** The metrics of `GET /metrics`: requests, pools and the process, and the ledger's own metrics from the database. */
import type { RequestHandler } from 'express';
import type { Pool } from 'pg';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { readLedgerMetrics } from './ledger_metrics.ts';
import { droppedLines } from './log.ts';

export interface ObservedRequest {
  route: string;
  /** The one field of the request, or the download. */
  operation: string;
  outcome: string;
  /** The codes of all errors in the answer. */
  codes: readonly string[];
  seconds: number;
}

/** Prometheus takes names in `_total` for counters, which these are not. prom-client has the same metrics under other names. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Milliseconds between samples of the event loop's lag; each sample wakes an idle process. */
const LOOP_EVERY_MS = 20;

const registry = new Registry();
/** For metrics of optional modules. */
export const registers = [registry];

/**
 * Label values are names of the service. In case one comes from a caller, their number is limited and further ones become `other`: each
 * value stays in the memory of this process and of Prometheus.
 */
export function labelsUpTo(most: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= most || !/^[\w.:/-]{1,60}$/.test(name)) return 'other';
    known.add(name);
    return name;
  };
}

const routeLabel = labelsUpTo(20);
const operationLabel = labelsUpTo(100);
const codeLabel = labelsUpTo(50);

const requestSeconds = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'From a request to the end of its answer; outcome: ok, aborted, an error code, or several',
  labelNames: ['route', 'operation', 'outcome'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  registers,
});

export const requestsInFlight = new Gauge({
  name: 'http_requests_in_flight',
  help: 'Requests that have no whole answer yet',
  registers,
});

const refusals = new Counter({
  name: 'wallet_refusals_total',
  help: 'Errors in answers, by code; a request with several calls may have several',
  labelNames: ['code'],
  registers,
});

const groupSize = new Histogram({
  name: 'wallet_group_size',
  help: 'Calls that were sent to the database together; 1: alone',
  buckets: [1, 2, 4, 8, 16, 32],
  registers,
});

const groupWait = new Histogram({
  name: 'wallet_group_wait_seconds',
  help: 'How long calls that may be sent together waited until they were sent',
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10],
  registers,
});

new Counter({
  name: 'log_lines_dropped_total',
  help: 'Log lines that were dropped because nobody read them in time',
  registers,
  collect() {
    this.reset();
    this.inc(droppedLines());
  },
});

const databaseUp = new Gauge({
  name: 'wallet_database_up',
  help: 'Whether the database gave its metrics in time: 1, or 0 and then none of them are here',
  registers,
});

export function countRequest({ route, operation, outcome, codes, seconds }: ObservedRequest): void {
  requestSeconds.observe(
    { route: routeLabel(route), operation: operationLabel(operation), outcome: codeLabel(outcome) },
    seconds,
  );
  for (const code of codes) refusals.inc({ code: codeLabel(code) });
}

/** `waits` has the waiting time of each call of a group, in seconds. */
export function countGroup(waits: readonly number[]): void {
  if (waits.length > 0) groupSize.observe(waits.length);
  for (const seconds of waits) groupWait.observe(seconds);
}

/** Shows each pool by name, including those added later. */
function watchPools(pools: ReadonlyMap<string, Pool>, isShown: (name: string) => boolean): void {
  for (const [name, help, figureOf] of [
    ['db_pool_size', 'Connections that are open', (pool) => pool.totalCount],
    ['db_pool_idle', 'Connections that are open and not in use', (pool) => pool.idleCount],
    ['db_pool_waiting', 'Calls that wait for a connection', (pool) => pool.waitingCount],
    ['db_pool_max', 'Connections that may be open', (pool) => pool.options.max],
  ] satisfies [string, string, (pool: Pool) => number][]) {
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers,
      collect() {
        this.reset();
        for (const [label, pool] of pools) if (isShown(label) && !pool.ended) this.set({ pool: label }, figureOf(pool));
      },
    });
  }
}

/** Adds the metrics of the process. `isShown` selects pools by name. */
export function observeProcess(
  pools: ReadonlyMap<string, Pool>,
  isShown: (name: string) => boolean = () => true,
): void {
  if (registry.getSingleMetric('process_start_time_seconds')) return;
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_EVERY_MS });
  watchPools(pools, isShown);
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}

/** What this process has counted, for another process that adds up all of them. */
export function readFamilies(): ReturnType<Registry['getMetricsAsJSON']> {
  return registry.getMetricsAsJSON();
}

/**
 * Returns the metrics in text format. `pool` is for scrapes only: a scrape must not wait for calls, nor calls for a scrape. `gather`
 * returns the metrics besides the ledger's; by default those of this process.
 */
export function createScrape(
  pool: Pool,
  gather: () => Promise<Registry> = () => Promise.resolve(registry),
): () => Promise<string> {
  const readLedger = readLedgerMetrics(pool);
  return async () => {
    const ledger = await readLedger();
    databaseUp.set(ledger === undefined ? 0 : 1);
    return `${await (await gather()).metrics()}${(await ledger?.metrics()) ?? ''}`;
  };
}

export function serveMetrics(scrape: () => Promise<string>): RequestHandler {
  return async (_req, res) => {
    res.type(registry.contentType).send(await scrape());
  };
}
