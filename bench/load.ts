/**
 * The load generator, a process of its own: each connection sends its next call when it has the answer to the last one.
 * Every latency is kept, so that percentiles are exact; a histogram of whole milliseconds would be too coarse here.
 */
import { once } from 'node:events';
import { Client } from 'undici';
import { createCalls, isAnswer, type Operation, type Service } from './requests.ts';

export interface Load {
  url: string;
  token: string;
  service: Service;
  operation: Operation;
  wallets: string[];
  /** Unique among all loads: keys are made of it. */
  run: string;
  connections: number;
  seconds: number;
}

export type Outcome =
  { calls: number; seconds: number; p50Ms: number; p99Ms: number; loadCpu: number } | { failure: string };

async function work(load: Load): Promise<Outcome> {
  const { url, token, service, operation } = load;
  const next = createCalls(service, operation, load.wallets, load.run);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + load.seconds * 1000;
  let failure: string | undefined;

  const connection = async (): Promise<void> => {
    const client = new Client(url);
    try {
      while (failure === undefined && performance.now() < end) {
        const call = next();
        const sent = performance.now();
        const { statusCode, body } = await client.request({ ...call, headers });
        const text = await body.text();
        latencies.push(performance.now() - sent);
        if (!isAnswer(service, operation, statusCode, JSON.parse(text))) {
          failure ??= `${service}, ${operation}: not what was asked for: ${statusCode} ${text}`;
        }
      }
    } finally {
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: load.connections }, connection));
  if (failure !== undefined) return { failure };
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const sorted = Float64Array.from(latencies).sort();
  const percentile = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? NaN;
  return {
    calls: sorted.length,
    seconds,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    loadCpu: (user + system) / 1e6,
  };
}

process.on('message', (load: Load) => {
  const report = (outcome: Outcome): void => {
    process.send?.(outcome);
  };
  work(load).then(report, (error: unknown) => {
    report({ failure: String(error) });
  });
});
await once(process, 'disconnect');
