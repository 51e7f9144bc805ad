/** The HTTP server: how long it waits for clients, and how it ends without cutting a request. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HttpTimes {
  /** For the headers of a request, from its first byte or from the connection's beginning. */
  headersMs: number;
  /** For a request with its body: ten megabytes over a slow line, but not a byte now and then. */
  requestMs: number;
  /** Longer than a balancer keeps an idle connection (60 seconds usually): it has to be the one that closes it. */
  keepAliveMs: number;
  /** How often the first two are looked at. */
  checkMs: number;
}

const TIMES: HttpTimes = { headersMs: 20_000, requestMs: 60_000, keepAliveMs: 75_000, checkMs: 2_000 };
const SWEEP_MS = 100;
/** What is left after the deadline is cut; what cannot be cut must not keep the process. */
const CUT_MS = 1_000;

interface HttpOptions {
  /** Takes on a connection that asks to become a websocket. */
  upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  times?: HttpTimes;
}

export class HttpServer {
  readonly server: Server;
  readonly #underWay = new Set<ServerResponse>();
  #isDraining = false;

  constructor(handler: RequestListener, { upgrade, times = TIMES }: HttpOptions = {}) {
    const { headersMs, requestMs, keepAliveMs, checkMs } = times;
    const options = {
      ...(upgrade && { shouldUpgradeCallback: asksForWebsocket }),
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: checkMs,
    };
    this.server = createServer(options, (req, res) => {
      this.#underWay.add(res);
      res.once('close', () => this.#underWay.delete(res));
      if (this.#isDraining) res.shouldKeepAlive = false;
      handler(req, res);
    });
    if (upgrade) this.server.on('upgrade', upgrade);
  }

  /** From now on every answer, also of the requests under way, says `Connection: close`. */
  drain(): void {
    this.#isDraining = true;
    for (const res of this.#underWay) res.shouldKeepAlive = false;
  }

  /** Takes no new connection, lets the requests under way end, and cuts what has not ended by the deadline. */
  async close(deadlineMs: number): Promise<void> {
    const closed = once(this.server, 'close');
    afterReading(() => this.server.close());
    const deadline = setTimeout(() => {
      this.server.closeAllConnections();
    }, deadlineMs);
    // A client that keeps its connection would otherwise hold us up after its last answer.
    const sweep = setInterval(() => {
      afterReading(() => {
        this.server.closeIdleConnections();
      });
    }, SWEEP_MS);
    await Promise.race([closed, sleep(deadlineMs + CUT_MS, undefined, { ref: false })]);
    clearInterval(sweep);
    clearTimeout(deadline);
  }
}

/**
 * Once what has arrived is read: a connection that only seems idle because we were busy has a request waiting in it. Between
 * the two steps the event loop looks at its sockets.
 */
function afterReading(work: () => void): void {
  setImmediate(() => setImmediate(work));
}

/** Some clients offer HTTP/2 with every request (`Upgrade: h2c`), and are served as usual. */
function asksForWebsocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}
