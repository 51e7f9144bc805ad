/** Optional: subscriptions over websockets, and the poller that notifies them of postings. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GrafservBase } from 'postgraphile/grafserv';
import type { Database } from '../database/database.ts';
import type { Address } from '../database/pooler.ts';
import { STATEMENT_TIMEOUT_MS } from '../database/timeouts.ts';
import type { SocketContext } from '../graphql/context.ts';
import { log } from '../observability/log.ts';
import { Listener } from './listener.ts';
import { countPostings, noteRound } from './metrics.ts';
import { Poller } from './poller.ts';
import { CLOSING, peerOf, Sockets, type SocketOptions } from './sockets.ts';

export { SubscriptionsPlugins } from './plugin.ts';

export interface Subscriptions {
  /** For wallets of this database. */
  contextFrom(database: Database): SocketContext;
  /** Call it before the first connection. */
  serve(serv: GrafservBase): void;
  /** For the server's `upgrade` events. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  drain(): void;
  close(): Promise<void>;
}

export function createSubscriptions(database: Database, options: Omit<SocketOptions, 'serv'>): Subscriptions {
  const listeners: Listener[] = [];
  let sockets: Sockets | undefined;
  return {
    contextFrom: (of) => {
      // The pool connects at the first subscription.
      const pool = of.openPool({
        name: 'wallet-listener',
        size: 1,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        needsSession: true,
      });
      const listener = new Listener(pool, (error) => {
        log.warn({ error: error.message }, 'subscriptions ended');
        sockets?.closeAll(CLOSING.lost);
      });
      listeners.push(listener);
      return (socket) => {
        const { identity, flushed } = peerOf(socket);
        return { identity, walletChanges: { subscribe: (wallet) => listener.subscribe(wallet, flushed) } };
      };
    },
    serve: (serv) => {
      sockets = new Sockets({ ...options, serv, maxSockets: database.canListen ? options.maxSockets : 0 });
    },
    upgrade: (request, socket, head) => sockets?.upgrade(request, socket, head),
    drain: () => sockets?.drain(),
    close: async () => {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}

/** Only one process at a time polls. `address` is the worker's. */
export function startPoller(address: Address): Poller {
  return new Poller({ ...address, onPostings: countPostings, onRound: noteRound });
}
