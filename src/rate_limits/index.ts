/** Counts the requests of each caller in the database, so that a limit holds over all processes together. */
import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Pool, QueryConfig } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { identityOf, type Identity } from '../auth.ts';
import { sendError } from '../errors.ts';
import { log } from '../observability/log.ts';

const WINDOW_SECONDS = 60;
const TELL_EVERY_MS = 60_000;

/** After the authenticator. The pool is the limits' own: a flood must not take the connections of calls. */
export function createRateLimit(pool: Pool, perMinute: number): RequestHandler {
  const options = { points: perMinute, duration: WINDOW_SECONDS, keyPrefix: '' };
  const shared = new RateLimiterPostgres({
    ...options,
    storeClient: withoutNames(pool),
    storeType: 'pool',
    schemaName: 'gateway',
    tableName: 'rate_limits',
    tableCreated: true,
    // Whoever has used up the window is refused from memory until its end.
    inMemoryBlockOnConsumed: perMinute,
  });
  // While the database does not answer, each process counts for itself: neither open to all nor closed to everybody.
  const own = new RateLimiterMemory(options);
  let toldAt = -Infinity;

  async function consume(key: string): Promise<RateLimiterRes> {
    try {
      return await shared.consume(key);
    } catch (error) {
      if (error instanceof RateLimiterRes) throw error;
      if (Date.now() - toldAt > TELL_EVERY_MS) {
        toldAt = Date.now();
        log.warn({ error: (error as Error).message }, 'rate limits: this process counts for itself');
      }
      return own.consume(key);
    }
  }

  return async (_req, res, next) => {
    const outcome = await settle(consume(keyOf(identityOf(res))));
    const seconds = Math.max(1, Math.ceil(outcome.msBeforeNext / 1000));
    res.set({
      'RateLimit-Policy': `${perMinute};w=${WINDOW_SECONDS}`,
      'RateLimit-Limit': String(perMinute),
      'RateLimit-Remaining': String(outcome.remainingPoints),
      'RateLimit-Reset': String(seconds),
    });
    if (outcome.isAllowed) {
      next();
      return;
    }
    res.set('Retry-After', String(seconds));
    sendError(res, 429, 'RATE_LIMITED', `rate limited: at most ${perMinute} requests a minute, again in ${seconds} s`);
  };
}

/** The library names its statements, which a pooler may lend to others or not have. */
function withoutNames(pool: Pool): Pick<Pool, 'query'> {
  const query = ({ text, values }: QueryConfig) => pool.query(text, values);
  return { query } as Pick<Pool, 'query'>;
}

/** A refusal is not an error here. */
async function settle(
  consuming: Promise<RateLimiterRes>,
): Promise<{ isAllowed: boolean; msBeforeNext: number; remainingPoints: number }> {
  try {
    const { msBeforeNext, remainingPoints } = await consuming;
    return { isAllowed: true, msBeforeNext, remainingPoints };
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    return { isAllowed: false, msBeforeNext: error.msBeforeNext, remainingPoints: 0 };
  }
}

/** Of the caller, not of the token: a new one is not a new allowance. Hashed, as the subject is nobody's business here. */
function keyOf({ role, sub }: Identity): string {
  return createHash('sha256').update(`${role}\0${sub}`).digest('hex');
}
