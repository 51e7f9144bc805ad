/** Limits the time until a request has an answer, by role. */
import type { RequestHandler } from 'express';
import { identityOf } from '../auth.ts';
import { statementLimitOf } from '../database/timeouts.ts';
import { sendError } from '../errors.ts';
import type { Role } from '../roles.ts';

/** Allows for the wait for a connection and for several calls in one request, on top of a statement's timeout. */
const MARGIN_MS = 30_000;

/** A call in flight at the timeout may still be booked: a retry with the same idempotency key gets the receipt. */
export function answerInTime(limits?: Readonly<Record<Role, number>>): RequestHandler {
  return (_req, res, next) => {
    const { role } = identityOf(res);
    const timer = setTimeout(
      () => {
        if (res.headersSent) res.destroy();
        else sendError(res, 503, 'TIMEOUT', 'timeout: the call took too long');
      },
      limits?.[role] ?? statementLimitOf(role) + MARGIN_MS,
    );
    res.once('close', () => {
      clearTimeout(timer);
    });
    next();
  };
}
