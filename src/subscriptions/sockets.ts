/** GraphQL over websockets: authentication, limits, and closing. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, handleProtocols, makeServer, type Context, type ServerOptions } from 'graphql-ws';
import { makeGraphQLWSConfig, type GrafservBase } from 'postgraphile/grafserv';
import { SafeError } from 'postgraphile/grafast';
import { GraphQLError, type ExecutionArgs } from 'postgraphile/graphql';
import { WebSocketServer, type WebSocket } from 'ws';
import { actorOf, isRefused, type Bearer, type Identify, type Identity } from '../auth.ts';
import { publicError } from '../errors.ts';
import { refuseAllButSubscriptions } from './plugin.ts';
import { log } from '../observability/log.ts';
import { keepAlive } from './heartbeat.ts';
import { countClosedSocket, socketsMax, socketsOpen, subscriptionsOpen } from './metrics.ts';

export interface SocketOptions {
  serv: GrafservBase;
  identify: Identify;
  /** The maximum number of authenticated websockets. */
  maxSockets: number;
  /** Whether the request's origin, if it has one, may connect. */
  mayConnect: (request: IncomingMessage) => boolean;
  /** Whether the client gets the reason why its token was rejected. */
  tellsWhy: boolean;
}

interface Closing {
  code: number;
  reason: string;
}

/** Close codes of graphql-ws (4xxx) and of websockets. Clients reconnect after 1012, 1013 and 4403. */
export const CLOSING = {
  restart: { code: 1012, reason: 'Service restart' },
  lost: { code: 1013, reason: 'Changes may have been missed: connect again' },
  busy: { code: 1013, reason: 'Try again later' },
  unauthorized: { code: 4401, reason: 'Unauthorized' },
  expired: { code: 4403, reason: 'Token expired' },
  tooMany: { code: 4429, reason: 'Too many connections' },
  tooFast: { code: 4429, reason: 'Too many messages' },
} as const satisfies Record<string, Closing>;

const PATH = '/graphql';
const MAX_MESSAGE_BYTES = 100_000;
const INIT_WITHIN_MS = 3_000;
/** Anyone can open websockets without a token. Beyond this number the oldest is closed, so that others can still connect. */
const MAX_UNAUTHENTICATED = 100;
const CLOSE_WITHIN_MS = 2_000;
const PING_MS = 15_000;
/** For one role and subject: a service may have many processes, a player a few windows. */
const MAX_PER_SUBJECT = 50;
const MAX_SUBSCRIPTIONS = 50;
/** Messages of one websocket in progress; a subscription counts while it lasts. */
const MAX_UNANSWERED = 2 * MAX_SUBSCRIPTIONS;
/** A close frame has room for 123 bytes, and a truncated character becomes a replacement of up to 3 bytes. */
const MAX_REASON_BYTES = 120;
/** The maximum delay of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

const peers = new WeakMap<object, Peer>();

/** The identity of an authenticated websocket. */
export function peerOf(socket: object): { identity: Identity; flushed: () => Promise<void> } {
  const peer = peers.get(socket);
  if (!peer?.identity) throw new Error('Websocket without an identity');
  return { identity: peer.identity, flushed: () => peer.flushed() };
}

export class Sockets {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols,
    closeTimeout: CLOSE_WITHIN_MS,
  } as ConstructorParameters<typeof WebSocketServer>[0]);
  readonly #options: SocketOptions;
  /** In order of arrival. */
  readonly #unauthenticated = new Set<Peer>();
  readonly #byActor = new Map<string, number>();
  #known = 0;
  #isDraining = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    socketsMax.set(options.maxSockets);
    const protocol = makeServer<Record<string, unknown>, Peer>(this.#protocol());
    this.#server.on('connection', (socket: WebSocket, request: IncomingMessage) => {
      const peer = new Peer(socket, request);
      peers.set(socket, peer);
      this.#receive(peer);
      const closed = protocol.opened(peer, peer);
      const started = performance.now();
      socketsOpen.inc();
      socket.on('close', (code, reason) => {
        this.#forget(peer);
        logClosed(peer, code, started);
        closed(code, String(reason)).catch((error: unknown) => publicError(error, 'websocket'));
      });
    });
  }

  /** For the server's `upgrade` events. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url?.split('?', 1)[0] !== PATH) refuseUpgrade(socket, '404 Not Found');
    else if (this.#isDraining || this.#isFull) {
      countClosedSocket('refused');
      refuseUpgrade(socket, '503 Service Unavailable');
    } else if (!this.#options.mayConnect(request)) {
      countClosedSocket('refused');
      refuseUpgrade(socket, '403 Forbidden');
    } else {
      this.#server.handleUpgrade(request, socket, head, (opened) => {
        this.#server.emit('connection', opened, request);
      });
    }
  }

  /** Messages sent before still arrive. */
  closeAll({ code, reason }: Closing): void {
    for (const socket of this.#server.clients) socket.close(code, reason);
  }

  /** Refuses new websockets and closes all others. */
  drain(): void {
    this.#isDraining = true;
    this.closeAll(CLOSING.restart);
  }

  #protocol(): ServerOptions<Record<string, unknown>, Peer> {
    const served = makeGraphQLWSConfig(this.#options.serv) as ServerOptions<Record<string, unknown>, Peer>;
    return {
      ...served,
      connectionInitWaitTimeout: INIT_WITHIN_MS,
      onConnect: (context) => this.#admit(context),
      onSubscribe: async (context, id, payload) => {
        if (Object.keys(context.subscriptions).length > MAX_SUBSCRIPTIONS) return [tooManySubscriptions()];
        const answer = (await served.onSubscribe?.(context, id, payload)) as ExecutionArgs | GraphQLError[];
        if (Array.isArray(answer)) return answer.map(shown);
        const refusal = refuseAllButSubscriptions(answer);
        return refusal ? [refusal] : answer;
      },
    };
  }

  async #admit({ connectionParams, extra: peer }: Context<Record<string, unknown>, Peer>): Promise<boolean> {
    const bearer = await this.#bearerOf(peer, connectionParams?.authorization);
    // The client may have disconnected meanwhile.
    if (!bearer || !peer.isOpen) return false;
    const actor = actorOf(bearer.identity);
    const others = this.#byActor.get(actor) ?? 0;
    if (this.#isFull || others >= MAX_PER_SUBJECT) {
      peer.end(this.#isFull ? CLOSING.busy : CLOSING.tooMany);
      return false;
    }
    this.#unauthenticated.delete(peer);
    this.#known += 1;
    this.#byActor.set(actor, others + 1);
    peer.admit(bearer);
    return true;
  }

  get #isFull(): boolean {
    return this.#known >= this.#options.maxSockets;
  }

  #receive(peer: Peer): void {
    const [oldest] = this.#unauthenticated;
    this.#unauthenticated.add(peer);
    if (!oldest || this.#unauthenticated.size <= MAX_UNAUTHENTICATED) return;
    this.#unauthenticated.delete(oldest);
    // A client that does not authenticate may not answer a close frame either.
    oldest.end(CLOSING.busy);
    oldest.socket.terminate();
  }

  /** A browser cannot set headers on a websocket, so the first message may have the token. */
  async #bearerOf(peer: Peer, params: unknown): Promise<Bearer | undefined> {
    const header = typeof params === 'string' ? params : peer.request.headers.authorization;
    try {
      const bearer = await this.#options.identify(header);
      if (!isRefused(bearer)) return bearer;
      peer.refuse(bearer.reason, this.#options.tellsWhy);
      return undefined;
    } catch (error) {
      publicError(error, 'websocket');
      peer.end(CLOSING.busy);
      return undefined;
    }
  }

  #forget(peer: Peer): void {
    this.#unauthenticated.delete(peer);
    if (!peer.identity) return;
    this.#known -= 1;
    const actor = actorOf(peer.identity);
    const left = (this.#byActor.get(actor) ?? 0) - 1;
    if (left > 0) this.#byActor.set(actor, left);
    else this.#byActor.delete(actor);
  }
}

/** One websocket, in the form that the libraries need: `socket` and `request` become part of the context of its operations. */
class Peer {
  identity: Identity | undefined;
  /** Why the token was rejected. */
  refusal: string | undefined;
  readonly request: IncomingMessage;
  readonly socket: WebSocket;
  #unanswered = 0;
  #unsent = 0;
  #onFlushed: (() => void)[] = [];

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket;
    this.request = request;
    keepAlive(socket, PING_MS);
    // The library closes the socket after an invalid frame; the event needs a listener.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#flush());
  }

  get protocol(): string {
    return this.socket.protocol;
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  admit({ identity, expiresAt }: Bearer): void {
    this.identity = identity;
    const expiry = setTimeout(() => this.end(CLOSING.expired), Math.min(expiresAt - Date.now(), LONGEST_MS));
    this.socket.on('close', () => {
      clearTimeout(expiry);
    });
  }

  refuse(reason: string, tellsWhy: boolean): void {
    this.refusal = reason;
    const closing = CLOSING.unauthorized;
    const text = Buffer.from(`${closing.reason}: ${reason}`).subarray(0, MAX_REASON_BYTES).toString();
    this.end(tellsWhy ? { ...closing, reason: text } : closing);
  }

  end({ code, reason }: Closing): void {
    this.socket.close(code, reason);
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  /** Resolves when the data has been written or the websocket has closed. */
  send(data: string): Promise<void> {
    if (!this.isOpen) return Promise.resolve();
    this.#unsent += 1;
    return new Promise((resolve) => {
      this.socket.send(data, () => {
        this.#unsent -= 1;
        if (this.#unsent === 0) this.#flush();
        resolve();
      });
    });
  }

  /** Resolves when all sent data has been written: a client that does not read gets no further events. */
  flushed(): Promise<void> {
    if (this.#unsent === 0 || !this.isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onFlushed.push(resolve);
    });
  }

  onMessage(handle: (data: string) => Promise<void>): void {
    this.socket.on('message', (data: Buffer) => {
      // After the close frame no answer can be sent.
      if (!this.isOpen) return;
      if (this.#unanswered >= MAX_UNANSWERED) {
        this.end(CLOSING.tooFast);
        return;
      }
      this.#unanswered += 1;
      subscriptionsOpen.inc();
      handle(data.toString())
        .catch((error: unknown) => {
          const { message } = publicError(error, 'websocket');
          this.close(4500, message);
        })
        .finally(() => {
          this.#unanswered -= 1;
          subscriptionsOpen.dec();
        });
    });
  }

  #flush(): void {
    for (const resolve of this.#onFlushed.splice(0)) resolve();
  }
}

/** Logs one line for each closed websocket, without its subscriptions. */
function logClosed({ identity, refusal }: Peer, code: number, started: number): void {
  socketsOpen.dec();
  // The standard codes are few; a client may choose one of thousands.
  countClosedSocket(code < 3000 || code in CloseCode ? code : 'other');
  const seconds = (performance.now() - started) / 1000;
  log.info(
    { actor: identity && actorOf(identity), code, reason: refusal, duration_ms: Math.round(seconds * 1e4) / 10 },
    'websocket closed',
  );
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => undefined);
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function tooManySubscriptions(): GraphQLError {
  return new GraphQLError(`a websocket has at most ${MAX_SUBSCRIPTIONS} subscriptions`, {
    extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' },
  });
}

/** A refusal before the execution keeps its message; other errors are masked as usual. */
function shown(error: GraphQLError): GraphQLError {
  if (!(error.originalError instanceof SafeError)) return error;
  return new GraphQLError(error.message, { extensions: { code: 'BAD_REQUEST' } });
}
