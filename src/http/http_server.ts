/** The HTTP server: its timeouts, and a shutdown that lets requests finish. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HttpTimes {
  /** For the headers of a request, from its first byte or from the start of the connection. */
  headersMs: number;
  /** For a whole request: long enough for ten megabytes over a slow line, too short for a client that trickles bytes. */
  requestMs: number;
  /** Longer than a load balancer's idle timeout (usually 60 seconds), so that the load balancer closes the connection. */
  keepAliveMs: number;
  /** How often headersMs and requestMs are checked. */
  checkMs: number;
}

const TIMES: HttpTimes = { headersMs: 20_000, requestMs: 60_000, keepAliveMs: 75_000, checkMs: 2_000 };
const SWEEP_MS = 100;
/** How long to wait after the deadline for connections to close. */
const CUT_MS = 1_000;

interface HttpOptions {
  /** Takes over a connection that asks to become a websocket. */
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

  /** From now on every answer, also of requests in flight, says `Connection: close`. */
  drain(): void {
    this.#isDraining = true;
    for (const res of this.#underWay) res.shouldKeepAlive = false;
  }

  /** Accepts no new connection, lets requests in flight finish, and closes the others at the deadline. */
  async close(deadlineMs: number): Promise<void> {
    const closed = once(this.server, 'close');
    afterReading(() => this.server.close());
    const deadline = setTimeout(() => {
      this.server.closeAllConnections();
    }, deadlineMs);
    // Otherwise an idle keep-alive connection would delay the shutdown.
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
 * Runs `work` after the event loop has read all sockets: while the process was busy, an unread request may have arrived on a connection
 * that seems idle.
 */
function afterReading(work: () => void): void {
  setImmediate(() => setImmediate(work));
}

/** Some clients offer HTTP/2 in every request (`Upgrade: h2c`); they get HTTP/1.1. */
function asksForWebsocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}
