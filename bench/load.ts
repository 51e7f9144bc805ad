/**
 * The load generator, a separate process: each connection sends its next call after the answer to the last one. It shares the CPUs with the
 * measured service, so it does little: undici's dispatch costs less than its request(). It keeps every latency, so that percentiles are
 * exact; a histogram of whole milliseconds would be too coarse.
 */
import { once } from 'node:events';
import { Client, type Dispatcher } from 'undici';
import { createCalls, isAnswer, type Operation, type Service } from './requests.ts';

export interface Load {
  url: string;
  token: string;
  service: Service;
  operation: Operation;
  wallets: string[];
  /** Unique among all loads: idempotency keys contain it. */
  run: string;
  connections: number;
  seconds: number;
}

export type Outcome = { calls: number; seconds: number; p50Ms: number; p99Ms: number } | { failure: string };

async function work(load: Load): Promise<Outcome> {
  const { url, token, service, operation } = load;
  const next = createCalls(service, operation, load.wallets, load.run);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + load.seconds * 1000;
  let failure: string | undefined;

  const connection = async (): Promise<void> => {
    const client = new Client(url);
    try {
      while (failure === undefined && performance.now() < end) {
        const call = next();
        const sent = performance.now();
        const { status, text } = await exchange(client, { ...call, headers });
        latencies.push(performance.now() - sent);
        if (!isAnswer(service, operation, status, text)) {
          failure ??= `${service}, ${operation}: not what was asked for: ${status} ${text}`;
        }
      }
    } catch (error) {
      failure ??= `${service}, ${operation}: ${String(error)}`;
    } finally {
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: load.connections }, connection));
  if (failure !== undefined) return { failure };
  const seconds = (performance.now() - start) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  const percentile = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? NaN;
  return {
    calls: sorted.length,
    seconds,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  };
}

function exchange(client: Client, options: Dispatcher.DispatchOptions): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = 0;
    client.dispatch(options, {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: (_controller, chunk) => {
        chunks.push(chunk);
      },
      onResponseEnd: () => {
        resolve({ status, text: Buffer.concat(chunks).toString() });
      },
      onResponseError: (_controller, error) => {
        reject(error);
      },
    });
  });
}

process.on('message', (load: Load) => {
  void work(load).then((outcome) => process.send?.(outcome));
});
await once(process, 'disconnect');
