/** Metrics of websockets and of the poller. */
import { Counter, Gauge } from 'prom-client';
import { labelsUpTo, registers } from '../observability/metrics.ts';

const kindLabel = labelsUpTo(30);

export const socketsOpen = new Gauge({ name: 'websockets_open', help: 'Websockets that are open', registers });

export const socketsMax = new Gauge({ name: 'websockets_max', help: 'Websockets that may be open', registers });

export const subscriptionsOpen = new Gauge({
  name: 'websocket_subscriptions_open',
  help: 'Subscriptions that last, and other messages that have no answer yet',
  registers,
});

const socketsClosed = new Counter({
  name: 'websockets_closed_total',
  help: 'Websockets that have ended, by the number they were closed with; other: one that only the client knows; refused: not opened at all',
  labelNames: ['code'],
  registers,
});

const postings = new Counter({
  name: 'wallet_postings_total',
  help: 'Transfers that were booked, by whatever door; of all processes one counts, so sum over them',
  labelNames: ['kind'],
  registers,
});

let lastRound: number | undefined;

new Gauge({
  name: 'wallet_poller_last_round_seconds',
  help: 'Since this process last read the feed and notified subscribers; of all processes one does, so take the least',
  registers,
  collect() {
    this.reset();
    if (lastRound !== undefined) this.set((performance.now() - lastRound) / 1000);
  },
});

export function countClosedSocket(code: number | 'other' | 'refused'): void {
  socketsClosed.inc({ code });
}

export function countPostings(kind: string, count: number): void {
  postings.inc({ kind: kindLabel(kind) }, count);
}

export function noteRound(): void {
  lastRound = performance.now();
}
