/** Sends the webhooks of one endpoint, several at a time. A slow receiver delays only its own endpoint. */
import type { QueryResult, QueryResultRow } from 'pg';
import { log } from '../observability/log.ts';
import { countWebhook } from './metrics.ts';
import type { Message, Outcome, Send } from './send.ts';

export type Query = <R extends QueryResultRow>(text: string, values?: unknown[]) => Promise<QueryResult<R>>;

/** How many further webhooks may be in flight, for all endpoints together. */
export interface Room {
  left: number;
}

export interface LaneOptions {
  query: Query;
  send: Send;
  room: Room;
  /** After this time without an outcome, a webhook is given out again; longer than sending it may take. */
  lostAfterMs: number;
  /** A webhook that was taken so long ago is not sent: another process may soon send it. */
  sendWithinMs: number;
  /** Takes no webhooks after this. */
  stop: AbortSignal;
  /** Aborts webhooks in flight: they count as lost and are sent again. */
  cut: AbortSignal;
}

const MOST_AT_ONCE = 16;
const PAGE = 1000;
const POLL_MS = 500;

/** Runs until `stop`; by then all webhooks that were taken have been settled or aborted. */
export async function runLane(endpoint: string, options: LaneOptions): Promise<void> {
  const { query, send, room, lostAfterMs, sendWithinMs, stop, cut } = options;
  const finished: Outcome[] = [];
  let inFlight = 0;
  let woken = Promise.withResolvers<undefined>();
  let isBehind = false;
  let collectAt = 0;

  const start = (message: Message): void => {
    inFlight += 1;
    room.left -= 1;
    send(message, cut)
      .then((outcome) => finished.push(outcome))
      // The webhook counts as lost and is sent again.
      .catch((error: unknown) => log.error({ endpoint, error: String(error) }, 'webhooks'))
      .finally(() => {
        inFlight -= 1;
        room.left += 1;
        woken.resolve(undefined);
      });
  };
  const pause = async (ms: number): Promise<void> => {
    const timer = setTimeout(woken.resolve, ms, undefined);
    await woken.promise;
    clearTimeout(timer);
    woken = Promise.withResolvers();
  };
  const wake = (): void => woken.resolve(undefined);
  stop.addEventListener('abort', wake, { once: true });

  try {
    for (;;) {
      const outcomes = finished.splice(0);
      if (outcomes.length > 0 && !cut.aborted) await settle(query, endpoint, outcomes);
      if (stop.aborted) {
        if (inFlight === 0 && finished.length === 0) return;
        if (finished.length === 0) await pause(POLL_MS);
        continue;
      }
      if (isBehind || Date.now() >= collectAt) {
        isBehind = await collect(query, endpoint);
        collectAt = Date.now() + POLL_MS;
      }
      const free = Math.min(MOST_AT_ONCE - inFlight, room.left);
      const since = performance.now();
      const taken = free > 0 ? await take(query, endpoint, free, lostAfterMs) : [];
      for (const message of taken) if (performance.now() - since < sendWithinMs) start(message);
      if (taken.length === 0 && finished.length === 0 && !isBehind) await pause(POLL_MS);
    }
  } finally {
    stop.removeEventListener('abort', wake);
  }
}

async function collect(query: Query, endpoint: string): Promise<boolean> {
  const { rows } = await query<{ is_behind: boolean }>('select webhook.collect($1, $2) as is_behind', [endpoint, PAGE]);
  return rows[0]?.is_behind === true;
}

async function take(query: Query, endpoint: string, most: number, lostAfterMs: number): Promise<Message[]> {
  const { rows } = await query<Message>("select * from webhook.take($1, $2, $3 * interval '1 ms')", [
    endpoint,
    most,
    lostAfterMs,
  ]);
  return rows;
}

async function settle(query: Query, endpoint: string, outcomes: readonly Outcome[]): Promise<void> {
  const { rows } = await query<{ parked: number | null; paused: boolean | null }>(
    'select * from webhook.settle($1, $2)',
    [endpoint, JSON.stringify(outcomes)],
  );
  for (const { failure } of outcomes) countWebhook(failure === null ? 'delivered' : 'failed');
  const { parked = 0, paused = false } = rows[0] ?? {};
  if (parked) {
    countWebhook('parked', parked);
    log.error({ endpoint, webhooks: parked }, 'webhooks are parked: they have failed for a day');
  }
  if (paused) log.warn({ endpoint }, 'an endpoint of webhooks is paused: its receiver says that it is gone');
}
