/** Metrics of webhooks, in the process that sends them. */
import { Counter, Gauge } from 'prom-client';
import { labelsUpTo, registers } from '../observability/metrics.ts';

export interface Figure {
  endpoint: string;
  state: 'active' | 'paused';
  waiting: string;
  parked: string;
  oldest_seconds: number;
}

const MOST_ENDPOINTS = 50;
/** When another process has started to send, this one's figures are outdated. */
const KEPT_MS = 90_000;

const endpointLabel = labelsUpTo(MOST_ENDPOINTS);

const webhooks = new Counter({
  name: 'wallet_webhooks_total',
  help: 'Webhooks that were sent, by what came of it; parked: those of the failed that are not sent again by themselves',
  labelNames: ['outcome'],
  registers,
});
for (const outcome of ['delivered', 'failed', 'parked']) webhooks.inc({ outcome }, 0);

let figures: readonly Figure[] = [];
let readAt = -Infinity;

const GAUGES: readonly [name: string, help: string, valueOf: (figure: Figure) => number][] = [
  ['waiting', 'Webhooks that have not arrived, without those that are parked', ({ waiting }) => Number(waiting)],
  ['parked', 'Webhooks that are parked, until somebody releases or drops them', ({ parked }) => Number(parked)],
  ['oldest_seconds', 'How long the first of the webhooks that wait has waited', (figure) => figure.oldest_seconds],
  ['paused', '1 where nothing is sent to the endpoint', ({ state }) => Number(state === 'paused')],
];
for (const [name, help, valueOf] of GAUGES) {
  new Gauge({
    name: `wallet_webhooks_${name}`,
    help: `${help}; of all processes one knows, so take the largest`,
    labelNames: ['endpoint'],
    registers,
    collect() {
      this.reset();
      if (performance.now() - readAt > KEPT_MS) return;
      for (const figure of figures) this.inc({ endpoint: endpointLabel(figure.endpoint) }, valueOf(figure));
    },
  });
}

new Gauge({
  name: 'wallet_webhooks_last_round_seconds',
  help: 'Since this process last looked for webhooks to send; of all processes one does, so take the least',
  registers,
  collect() {
    this.reset();
    if (readAt > -Infinity) this.set((performance.now() - readAt) / 1000);
  },
});

export function countWebhook(outcome: 'delivered' | 'failed' | 'parked', count = 1): void {
  webhooks.inc({ outcome }, count);
}

export function noteFigures(now: readonly Figure[]): void {
  figures = now;
  readAt = performance.now();
}
