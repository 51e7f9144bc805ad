/** Answers queries from the standby if it is up to date, otherwise from the primary; headers say which. */
import type { Request, RequestHandler, Response } from 'express';
import pg, { type Pool, type PoolClient } from 'pg';
import { identityOf } from '../auth.ts';
import { sendError } from '../errors.ts';
import type { Standby } from './standby.ts';
import type { WithClient } from '../database/reads.ts';
import { statementLimitOf } from '../database/timeouts.ts';
import { within } from '../within.ts';

/** The request header `Wallet-Read: primary` asks for the primary, for example after a mutation. */
const ASK = 'Wallet-Read';
const STALENESS = 'Wallet-Staleness-Ms';

/** In addition to the statement's timeout: after that, no answer will come. */
const MARGIN_MS = 5_000;

/** Errors that the primary would report as well: refusals, invalid values, permissions, and statement timeouts. */
const FINAL = /^(WL|22|25|42501$|57014$)/;

/** Refuses other values of the header, also without a standby. */
export const readPreference: RequestHandler = (req, res, next) => {
  const asked = req.get(ASK);
  if (asked === undefined || asked === 'primary') next();
  else sendError(res, 400, 'BAD_REQUEST', `${ASK} can only be primary`);
};

/** For the queries of one request. If the standby fails, the primary is asked. */
export function readingWith(
  standby: Standby,
  onStandby: WithClient,
  onPrimary: WithClient,
  req: Request,
  res: Response,
): WithClient {
  const answerWithinMs = statementLimitOf(identityOf(res).role) + MARGIN_MS;
  return async (settings, callback) => {
    const stalenessMs = stalenessFor(standby, req);
    if (stalenessMs !== undefined) {
      const seen = { isConnected: false };
      try {
        const result = await onStandby(settings, (client) => {
          seen.isConnected = true;
          return within(answerWithinMs, Promise.resolve(callback(client)));
        });
        setStandby(res, stalenessMs);
        return result;
      } catch (error) {
        if (seen.isConnected && isFinal(error)) throw error;
      }
    }
    setPrimary(res);
    return onPrimary(settings, callback);
  };
}

export async function connectForReading(
  standby: Standby,
  primary: Pool,
  req: Request,
  res: Response,
): Promise<PoolClient> {
  const stalenessMs = stalenessFor(standby, req);
  if (stalenessMs !== undefined) {
    const client = await standby.historyPool.connect().catch(() => undefined);
    if (client) {
      setStandby(res, stalenessMs);
      return client;
    }
  }
  setPrimary(res);
  return primary.connect();
}

function stalenessFor(standby: Standby, req: Request): number | undefined {
  return req.get(ASK) === 'primary' ? undefined : standby.stalenessMs;
}

/** The header reports the greatest staleness of all queries of the request. */
function setStandby(res: Response, stalenessMs: number): void {
  const before = Number(res.get(STALENESS) ?? 0);
  res.set(ASK, 'standby').set(STALENESS, String(Math.max(before, stalenessMs)));
}

function setPrimary(res: Response): void {
  if (res.get(ASK) === undefined) res.set(ASK, 'primary');
}

function isFinal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && FINAL.test(error.code ?? '');
}
