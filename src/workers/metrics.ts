/** Adds up the metrics of all processes, as those of one service. */
import type { Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry, Counter, Gauge, type PrometheusContentType, type Registry } from 'prom-client';
import { readFamilies, registers } from '../observability/metrics.ts';
import { ignore, type Family, type ToWorker } from './messages.ts';

/** A process that does not answer in time is busy and is left out. */
const ANSWER_WITHIN_MS = 2_000;
/** For metrics whose values must not decrease, since Prometheus takes a decrease for a restart: the last known values stay included. */
const COUNTS = ['counter', 'histogram'];

const serving = new Gauge({ name: 'gateway_processes', help: 'Processes that serve', registers });

const ended = new Counter({
  name: 'gateway_processes_ended_total',
  help: 'Processes that served, or were to, and have ended by themselves',
  registers,
});

/** Keeps the last known counters of processes that have ended. */
export class WorkerMetrics {
  readonly #asked = new Map<number, (families: Family[]) => void>();
  readonly #latest = new Map<number, Family[]>();
  #ofEnded: Family[] = [];
  #count = 0;

  async gather(workers: readonly Worker[]): Promise<Registry> {
    serving.set(workers.length);
    const inTime = new Set<number>();
    const others = workers.map(async (worker) => {
      const families = await this.#ask(worker);
      if (!families || worker.isDead()) return;
      inTime.add(worker.id);
      this.#latest.set(worker.id, families);
    });
    const [own] = await Promise.all([readFamilies(), ...others]);
    const latest = [...this.#latest].map(([id, families]) => (inTime.has(id) ? families : countsOf(families)));
    return sum([own as unknown as Family[], this.#ofEnded, ...latest]);
  }

  receive(id: number, families: Family[]): void {
    this.#asked.get(id)?.(families);
  }

  forget({ id }: Worker): void {
    ended.inc();
    const latest = countsOf(this.#latest.get(id) ?? []);
    this.#latest.delete(id);
    this.#ofEnded = sum([this.#ofEnded, latest]).getMetricsAsArray() as unknown as Family[];
  }

  async #ask(worker: Worker): Promise<Family[] | undefined> {
    this.#count += 1;
    const id = this.#count;
    const answer = Promise.withResolvers<Family[]>();
    this.#asked.set(id, answer.resolve);
    worker.send({ kind: 'collect', id } satisfies ToWorker, ignore);
    const late = new AbortController();
    const isLate = sleep(ANSWER_WITHIN_MS, undefined, { ref: false, signal: late.signal }).catch(ignore);
    return Promise.race([answer.promise, isLate]).finally(() => {
      this.#asked.delete(id);
      late.abort();
    }) as Promise<Family[] | undefined>;
  }
}

function countsOf(families: Family[]): Family[] {
  return families.filter(({ type }) => COUNTS.includes(type));
}

function sum(processes: Family[][]): Registry {
  return AggregatorRegistry.aggregate<PrometheusContentType>(processes.map((families) => families.map(asOne)));
}

/** The largest event loop lag counts, and the earliest start. */
function asOne(family: Family): Family {
  if (family.name === 'process_start_time_seconds') return { ...family, aggregator: 'min' };
  const isLag = family.name.startsWith('nodejs_eventloop_lag_') && family.aggregator === 'average';
  return isLag ? { ...family, aggregator: 'max' } : family;
}
