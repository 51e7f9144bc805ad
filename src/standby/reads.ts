/** Who answers a query: the standby where there is one that is up to date, otherwise the primary; headers say which. */
import type { Request, RequestHandler, Response } from 'express';
import pg, { type Pool, type PoolClient } from 'pg';
import { identityOf } from '../auth.ts';
import { sendError } from '../errors.ts';
import type { Standby } from './standby.ts';
import type { WithClient } from '../database/reads.ts';
import { statementLimitOf } from '../database/timeouts.ts';
import { within } from '../within.ts';

/** Asks for the primary, as after a call of one's own. */
const ASK = 'Wallet-Read';
const STALENESS = 'Wallet-Staleness-Ms';

/** On top of what a statement may take. One that has no answer by then never will. */
const MARGIN_MS = 5_000;

/** What the primary would say as well: refusals, values, permissions, and statements that take too long. */
const FINAL = /^(WL|22|25|42501$|57014$)/;

/** Refuses what the header cannot mean, whether there is a standby or not. */
export const readPreference: RequestHandler = (req, res, next) => {
  const asked = req.get(ASK);
  if (asked === undefined || asked === 'primary') next();
  else sendError(res, 400, 'BAD_REQUEST', `${ASK} can only be primary`);
};

/** For the queries of one request. What the standby cannot answer, the primary is asked. */
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

/** For a download. */
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

/** An answer is as old as the oldest part of it. */
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
