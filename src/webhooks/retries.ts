/** The pauses between the attempts to send a webhook. */

const FACTOR = 3;
/** Gives some fifteen attempts within a day. */
const LONGEST_MS = 2 * 60 * 60_000;
/** The random fraction of each pause: webhooks that failed together are not retried together. */
const JITTER = 0.2;
/** The longest pause that a receiver may ask for. */
const MOST_ASKED_MS = 60 * 60_000;

/** The pause after the given number of attempts, in milliseconds. */
export function pauseAfter(tries: number, firstMs: number, chance = Math.random()): number {
  const longest = Math.max(firstMs, LONGEST_MS);
  const pause = Math.min(firstMs * FACTOR ** Math.min(tries - 1, 40), longest);
  return Math.round(pause * (1 - JITTER / 2 + JITTER * chance));
}

/** Reads `Retry-After`, in seconds or as a date, into milliseconds; undefined if it is invalid. */
export function askedPause(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const isDate = /^[A-Z][a-z]{2}, /.test(value);
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : isDate ? Date.parse(value) - now : NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MOST_ASKED_MS);
}
