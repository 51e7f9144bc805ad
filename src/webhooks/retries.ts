/** When a webhook that failed is sent again. */

const FACTOR = 3;
/** Over a day there are some fifteen tries. */
const LONGEST_MS = 2 * 60 * 60_000;
/** Of each pause, so much is by chance: what failed together does not come back together. */
const JITTER = 0.2;
/** A receiver may ask for so long a pause, not for ever. */
const MOST_ASKED_MS = 60 * 60_000;

/** After the first try the first pause, and so on. */
export function pauseAfter(tries: number, firstMs: number, chance = Math.random()): number {
  const longest = Math.max(firstMs, LONGEST_MS);
  const pause = Math.min(firstMs * FACTOR ** Math.min(tries - 1, 40), longest);
  return Math.round(pause * (1 - JITTER / 2 + JITTER * chance));
}

/** What a receiver asks for by `Retry-After`, in seconds or as a date; undefined where it cannot be read. */
export function askedPause(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const isDate = /^[A-Z][a-z]{2}, /.test(value);
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : isDate ? Date.parse(value) - now : NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MOST_ASKED_MS);
}
