/** Reads metrics from the database: one query at a time, with a minimum interval and a time limit. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { Counter, Gauge, Registry } from 'prom-client';
import { describeError, log } from './log.ts';

/** A row of `ledger.ledger_metrics()`. */
export interface Sample {
  name: string;
  labels: Record<string, string> | null;
  value: number | null;
}

/** How long a scrape waits for the database, and for how long an answer is reused. */
const WITHIN_MS = 2_000;
const KEPT_MS = 5_000;

/** Undefined if the database does not answer in time: missing metrics are better than old ones. */
export function readLedgerMetrics(pool: Pool): () => Promise<Registry | undefined> {
  let asked = -Infinity;
  let answer: Promise<Registry | undefined> = Promise.resolve(undefined);
  let isUnderWay = false;
  let isUp = true;

  async function ask(): Promise<Registry | undefined> {
    isUnderWay = true;
    try {
      const { rows } = await pool.query<Sample>(
        'select name, labels, value::float8 as value from ledger.ledger_metrics()',
      );
      isUp = true;
      return registryOf(rows);
    } catch (error) {
      // Log the outage once, and not with each scrape.
      if (isUp) log.warn({ error: describeError(error) }, 'the database does not tell its metrics');
      isUp = false;
      return undefined;
    } finally {
      isUnderWay = false;
    }
  }

  return () => {
    if (!isUnderWay && performance.now() - asked >= KEPT_MS) {
      asked = performance.now();
      answer = ask();
    }
    return Promise.race([answer, sleep(WITHIN_MS, undefined, { ref: false })]);
  };
}

/** Prefixes the names with `ledger_`; a name that ends in `_total` is a counter. Unknown values are left out. */
export function registryOf(samples: Sample[]): Registry {
  const registry = new Registry();
  const known = samples.filter(({ value }) => value !== null);
  for (const [name, family] of Map.groupBy(known, (sample) => sample.name)) {
    const labelNames = Object.keys(family[0]?.labels ?? {});
    const options = { name: `ledger_${name}`, help: 'As the database reports it', labelNames, registers: [registry] };
    const metric = name.endsWith('_total') ? new Counter(options) : new Gauge(options);
    for (const { labels, value } of family) metric.inc(labels ?? {}, value ?? 0);
  }
  return registry;
}
