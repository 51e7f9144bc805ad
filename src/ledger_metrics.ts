/** Asks the database for its metrics: now and then, once at a time, and never for long. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { Counter, Gauge, Registry } from 'prom-client';
import { describeError, log } from './log.ts';

interface Sample {
  name: string;
  help: string;
  labels: Record<string, string>;
  value: number | null;
}

const WITHIN_MS = 2_000;
const KEPT_MS = 5_000;

/** Undefined where the database does not answer in time: then it has no metrics, rather than old ones. */
export function readLedgerMetrics(pool: Pool): () => Promise<Registry | undefined> {
  let asked = -Infinity;
  let answer: Promise<Registry | undefined> = Promise.resolve(undefined);
  let isUnderWay = false;

  async function ask(): Promise<Registry | undefined> {
    isUnderWay = true;
    try {
      const { rows } = await pool.query<Sample>(
        'select name, help, labels, value::float8 as value from ledger.ledger_metrics()',
      );
      return registryOf(rows);
    } catch (error) {
      log.warn({ error: describeError(error) }, 'the database does not tell its metrics');
      return undefined;
    } finally {
      isUnderWay = false;
    }
  }

  return () => {
    if (!isUnderWay && performance.now() - asked > KEPT_MS) {
      asked = performance.now();
      answer = ask();
    }
    return Promise.race([answer, sleep(WITHIN_MS, undefined, { ref: false })]);
  };
}

/** A name that ends in `_total` counts, as everywhere in Prometheus. A value that is not known is left out. */
export function registryOf(samples: Sample[]): Registry {
  const registry = new Registry();
  const registers = [registry];
  for (const [name, [first, ...more] = []] of Map.groupBy(samples, ({ name }) => name)) {
    if (!first) continue;
    const { help } = first;
    const labelNames = Object.keys(first.labels);
    const counter = name.endsWith('_total') ? new Counter({ name, help, labelNames, registers }) : undefined;
    const gauge = counter ? undefined : new Gauge({ name, help, labelNames, registers });
    for (const { labels, value } of [first, ...more]) {
      if (value === null) continue;
      counter?.inc(labels, value);
      gauge?.set(labels, value);
    }
  }
  return registry;
}
