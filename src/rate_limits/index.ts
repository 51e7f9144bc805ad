/** Counts the requests of each caller in the database, so that a limit holds over all processes together. */
import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Pool, QueryConfig } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { identityOf, type Identity } from '../auth.ts';
import type { Database } from '../database/database.ts';
import { sendError } from '../errors.ts';
import { log } from '../observability/log.ts';

const WINDOW_SECONDS = 60;
const WARN_EVERY_MS = 60_000;
/** The queries are short. */
const CONNECTIONS = 2;
const ANSWER_WITHIN_MS = 1_000;

/** Use it after the authenticator. The limits have their own pool: a flood of requests must not take the connections of calls. */
export function createRateLimit(database: Database, perMinute: number): RequestHandler {
  const pool = database.openPool({
    name: 'wallet-limits',
    size: CONNECTIONS,
    statementTimeoutMs: ANSWER_WITHIN_MS,
    answerWithinMs: ANSWER_WITHIN_MS,
  });
  const options = { points: perMinute, duration: WINDOW_SECONDS, keyPrefix: '' };
  const limiter = new RateLimiterPostgres({
    ...options,
    storeClient: clientOn(pool),
    storeType: 'pool',
    schemaName: 'gateway',
    tableName: 'rate_limits',
    tableCreated: true,
    // A caller who has used up the window is refused from memory until it ends.
    inMemoryBlockOnConsumed: perMinute,
    // While the database does not answer, each process counts on its own: requests are neither unlimited nor all refused.
    insuranceLimiter: new RateLimiterMemory(options),
  });

  return async (_req, res, next) => {
    const outcome = await settle(limiter.consume(keyOf(identityOf(res))));
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

/**
 * Sends the library's statements without names, which another session of a pooler would not have, and logs their errors, which the library
 * does not.
 */
function clientOn(pool: Pool): Pick<Pool, 'query'> {
  let warnedAt = -Infinity;
  const query = async ({ text, values }: QueryConfig) => {
    try {
      return await pool.query(text, values);
    } catch (error) {
      if (Date.now() - warnedAt > WARN_EVERY_MS) {
        warnedAt = Date.now();
        log.warn({ error: (error as Error).message }, 'rate limits: this process counts for itself');
      }
      throw error;
    }
  };
  return { query } as Pick<Pool, 'query'>;
}

/** The library rejects the promise for a refused request, too. */
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

/** Counts by caller and not by token: a new token is not a new allowance. Hashed, to keep the subject out of the table. */
function keyOf({ role, sub }: Identity): string {
  return createHash('sha256').update(`${role}\0${sub}`).digest('hex');
}
