/** How long a call of each role may take until it has an answer. */
import type { RequestHandler } from 'express';
import { identityOf } from '../auth.ts';
import { statementLimitOf } from '../database/timeouts.ts';
import { sendError } from '../errors.ts';
import type { Role } from '../roles.ts';

/** Waiting for a connection, and several calls in one request, come on top of a statement. */
const MARGIN_MS = 30_000;

/** What is in flight when the time is up may yet be booked: the same key gets the receipt. */
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
