/** Optional: webhooks. The worker takes pending webhooks from the database, posts them and records the outcomes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobHelpers } from 'graphile-worker';
import type { WebhookConfig } from '../config.ts';
import type { Address } from '../database/pooler.ts';
import { startRunner, type Worker } from '../jobs/worker.ts';
import { log } from '../observability/log.ts';
import { runLane, type Query, type Room } from './lane.ts';
import { noteFigures, type Figure } from './metrics.ts';
import { createSend } from './send.ts';

/** A run starts each minute and ends after this time. If two runs overlap, also in two processes, each webhook is taken by one of them. */
const RUN_MS = 61_000;
const ROUND_MS = 1_000;
const FIGURES_MS = 5_000;
const MOST_AT_ONCE = 64;
/** One connection listens for jobs, the others take and settle webhooks. A process that sends none opens no more. */
const CONNECTIONS = 4;
const PAGE = 1000;
/** How long webhooks in flight may take when the process has to end. */
const PATIENCE_MS = 4_000;
const SLACK_MS = 2_000;

/** One process at a time sends webhooks. `address` is the worker's. */
export function startWebhooks(address: Address, config: WebhookConfig): Worker {
  const send = createSend(config);
  const room: Room = { left: MOST_AT_ONCE };
  // A webhook that was taken and not settled is given out again, but only after it can no longer be in flight.
  const lostAfterMs = 3 * config.timeoutMs + SLACK_MS;

  async function webhooks(_payload: unknown, helpers: JobHelpers): Promise<void> {
    const { abortSignal } = helpers;
    const stop = AbortSignal.any([abortSignal, AbortSignal.timeout(RUN_MS)]);
    const cut = cutAfter(abortSignal);
    const query: Query = (text, values) => helpers.query(text, values);
    const lanes = new Map<string, Promise<void>>();
    const said = new Set<string>();
    // A failed step is repeated in the next round; each error is logged once per run.
    const say = (error: unknown, endpoint?: string): void => {
      const { message } = error as Error;
      if (!said.has(`${endpoint} ${message}`)) log.error({ endpoint, error: message }, 'webhooks');
      said.add(`${endpoint} ${message}`);
    };
    const open = (endpoint: string): Promise<void> =>
      runLane(endpoint, { query, send, room, lostAfterMs, sendWithinMs: config.timeoutMs, stop, cut })
        .catch((error: unknown) => say(error, endpoint))
        .finally(() => lanes.delete(endpoint));
    for (let figuresAt = 0; !stop.aborted;) {
      try {
        for (const name of await activeEndpoints(query)) if (!lanes.has(name)) lanes.set(name, open(name));
        if (Date.now() >= figuresAt) noteFigures((await query<Figure>('select * from webhook.figures()')).rows);
        if (Date.now() >= figuresAt) figuresAt = Date.now() + FIGURES_MS;
        await makeNotices(query, stop);
      } catch (error) {
        say(error);
      }
      await sleep(ROUND_MS, undefined, { signal: stop }).catch(() => undefined);
    }
    await Promise.all(lanes.values());
  }

  return startRunner(address, {
    name: 'wallet-webhooks',
    tasks: { webhooks },
    crontab: '* * * * * webhooks ?jobKey=webhooks&max=1',
    // Do not wait for the next minute.
    atStart: ['webhooks'],
    // The next run may start while this one waits for its last answers.
    concurrency: 2,
    connections: CONNECTIONS,
  });
}

async function activeEndpoints(query: Query): Promise<string[]> {
  const { rows } = await query<{ name: string }>(
    "select name from webhook.endpoints where state = 'active' order by name",
  );
  return rows.map(({ name }) => name);
}

async function makeNotices(query: Query, stop: AbortSignal): Promise<void> {
  for (let isMore = true; isMore && !stop.aborted;) {
    const { rows } = await query<{ is_more: boolean }>('select webhook.make_notices($1) as is_more', [PAGE]);
    isMore = rows[0]?.is_more === true;
  }
}

function cutAfter(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  signal.addEventListener('abort', () => setTimeout(() => controller.abort(), PATIENCE_MS).unref(), { once: true });
  return controller.signal;
}
