/** Stands before the service and does to requests what networks and load balancers do to them. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of one request. */
export const FAULTS = [
  /** The connection breaks; the service never sees it. */
  'dropped before booking',
  /** It is booked; the connection breaks instead of an answer. */
  'dropped after booking',
  /** It is booked; the connection breaks in the midst of the answer. */
  'cut off',
  /** It gets to the service twice, at once. */
  'duplicated',
  /** It is kept back, and gets to the service when all is over. */
  'late',
  /** It is booked, and the answer never comes. */
  'silent',
  /** The service asks to send it again: not booked. */
  'RETRY',
  /** It is booked, and the service asks to send it again: its connection to the database was lost. */
  'RETRY after booking',
  /** The service took too long: not booked. */
  'TIMEOUT',
  /** A page of a load balancer in place of an answer: not booked. */
  '502',
  /** Too many requests: again in a second. */
  '429',
  /** Too many requests: again at an instant. */
  '429 with a date',
] as const;
export type Fault = (typeof FAULTS)[number];

/** A request as it came. */
export interface Seen {
  body: string;
  authorization: string | undefined;
  fault: Fault | undefined;
  /** Milliseconds of a clock that is never set back. */
  at: number;
  /** When it may come again at the earliest, where the answer said so. */
  notBefore: number;
}

const answerOf = (code: string, message: string): string =>
  JSON.stringify({ data: null, errors: [{ message, extensions: { code } }] });
const RETRY = answerOf('RETRY', 'retry: the connection to the database was lost');

export class Proxy {
  readonly seen: Seen[] = [];
  readonly #target: () => string;
  readonly #server: Server;
  /** The faults of the requests to come, in order; undefined lets one through. */
  #plan: (Fault | undefined)[] = [];
  /** From then on: every so manyth answer is dropped. */
  #everyth = 0;
  #late: (() => Promise<unknown>)[] = [];

  constructor(target: () => string) {
    this.#target = target;
    this.#server = createServer((req, res) => {
      this.#serve(req, res).catch(() => res.destroy());
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What becomes of the next requests; those after them get through. Forgets what it has seen. */
  plan(faults: readonly (Fault | undefined)[], everyth = 0): void {
    this.#plan = [...faults];
    this.#everyth = everyth;
    this.seen.length = 0;
  }

  /** What was kept back gets to the service now. */
  async release(): Promise<void> {
    await Promise.all(this.#late.splice(0).map((send) => send()));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await textOf(req);
    const { authorization } = req.headers;
    const isEveryth = this.#everyth > 0 && (this.seen.length + 1) % this.#everyth === 0;
    const fault = this.#plan.shift() ?? (isEveryth ? 'dropped after booking' : undefined);
    const seen = { body, authorization, fault, at: performance.now(), notBefore: 0 };
    this.seen.push(seen);
    const forward = () => this.#forward(req, body);
    const answer = (status: number, text: string, headers: Record<string, string> = {}): void => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(text);
    };
    switch (fault) {
      case 'dropped before booking':
        res.destroy();
        break;
      case 'dropped after booking':
        await forward();
        res.destroy();
        break;
      case 'cut off': {
        const { status, text } = await forward();
        res.writeHead(status, { 'Content-Length': Buffer.byteLength(text) });
        res.write(text.slice(0, text.length / 2), () => res.destroy());
        break;
      }
      case 'duplicated': {
        const [one] = await Promise.all([forward(), forward()]);
        answer(one.status, one.text);
        break;
      }
      case 'late':
        this.#late.push(forward);
        await once(res, 'close');
        break;
      case 'silent':
        await forward();
        if (!res.destroyed) await once(res, 'close');
        break;
      case 'RETRY':
        answer(200, answerOf('RETRY', 'retry: the wallet is busy'));
        break;
      case 'RETRY after booking':
        await forward();
        answer(200, RETRY);
        break;
      case 'TIMEOUT':
        answer(503, answerOf('TIMEOUT', 'timeout: the call took too long'));
        break;
      case '502':
        answer(502, '<html>Bad Gateway</html>', { 'Content-Type': 'text/html' });
        break;
      case '429':
        answer(429, answerOf('RATE_LIMITED', 'rate limited'), { 'Retry-After': '1' });
        seen.notBefore = performance.now() + 1_000;
        break;
      case '429 with a date': {
        // Of whole seconds, so that it is one second from now at least.
        const date = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000);
        seen.notBefore = performance.now() + date.getTime() - Date.now();
        answer(429, answerOf('RATE_LIMITED', 'rate limited'), { 'Retry-After': date.toUTCString() });
        break;
      }
      default: {
        const { status, text } = await forward();
        answer(status, text);
      }
    }
  }

  /** Sends it to the service, whatever the client does meanwhile. */
  async #forward({ method, url, headers }: IncomingMessage, body: string): Promise<{ status: number; text: string }> {
    const forwarded = request(new URL(url ?? '/', this.#target()), {
      method,
      headers: { ...headers, connection: 'close' },
    }).end(body);
    const [response] = (await once(forwarded, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  }
}

async function textOf(stream: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
}
