/** For tests of webhooks: a receiver with configurable answers that records the requests in order. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Arrival {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  id: string;
  at: number;
}

export interface Told {
  status?: number;
  headers?: Record<string, string>;
  bytes?: number;
  /** Closes the connection instead of answering. */
  cut?: boolean;
  waitMs?: number;
}

const WITHIN_MS = 120_000;

export class Receiver {
  readonly arrivals: Arrival[] = [];
  /** The number of connections, with or without a request. */
  connections = 0;
  readonly #server: Server;

  private constructor(answer: (arrival: Arrival) => Told) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('error', () => undefined);
      request.on('end', () => {
        const { url: path = '', headers } = request;
        const arrival = { path, headers, body, id: String(headers['webhook-id']), at: performance.now() };
        this.arrivals.push(arrival);
        const { status = 204, headers: more = {}, bytes = 0, cut = false, waitMs = 0 } = answer(arrival);
        const end = (): void => {
          if (cut) request.socket.destroy();
          else response.writeHead(status, more).end('x'.repeat(bytes));
        };
        if (waitMs > 0) setTimeout(end, waitMs).unref();
        else end();
      });
    });
    this.#server.on('connection', () => (this.connections += 1));
  }

  static async start(answer: (arrival: Arrival) => Told = () => ({})): Promise<Receiver> {
    const receiver = new Receiver(answer);
    await new Promise<void>((resolve) => {
      receiver.#server.listen(0, '127.0.0.1', resolve);
    });
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  at(path: string): Arrival[] {
    return this.arrivals.filter((arrival) => arrival.path === path);
  }

  /** Waits for `count` requests to the path. */
  async received(path: string, count: number): Promise<Arrival[]> {
    await eventually(`${count} webhooks at ${path}`, () => this.at(path).length >= count);
    return this.at(path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = WITHIN_MS,
): Promise<void> {
  for (const deadline = Date.now() + limitMs; !(await holds()); await sleep(50))
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
}

interface Movement {
  data: Record<'debit_wallet_id' | 'debit_seq' | 'credit_wallet_id' | 'credit_seq', string | null>;
}

/** Webhooks, also retried ones, that came before an earlier one of the same wallet. */
export function outOfOrder(arrivals: readonly Arrival[]): string[] {
  const newest = new Map<string, number>();
  const faults: string[] = [];
  for (const { id, body } of arrivals) {
    const { data } = JSON.parse(body) as Movement;
    for (const [wallet, seq] of [
      [data.debit_wallet_id, data.debit_seq],
      [data.credit_wallet_id, data.credit_seq],
    ]) {
      if (wallet === null || wallet === undefined) continue;
      if (Number(seq) < (newest.get(wallet) ?? 0)) faults.push(`${id}: ${wallet} ${seq ?? ''}`);
      newest.set(wallet, Math.max(Number(seq), newest.get(wallet) ?? 0));
    }
  }
  return faults;
}
