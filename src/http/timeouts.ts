/** How long a call of each role may take: in the database, and until it has an answer. */
import type { RequestHandler } from 'express';
import { identityOf, type Role } from '../auth.ts';
import { sendError } from '../errors.ts';

type Limits = Readonly<Record<Role, number>>;

/** What a connection of the gateway has; of these roles nothing needs to be said with each call. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** A player reads his own few wallets; an auditor may prove the whole ledger. */
const OTHER_STATEMENT_TIMEOUTS_MS: Readonly<Partial<Record<Role, number>>> = { player: 5_000, auditor: 300_000 };
/** Waiting for a connection, and several calls in one request, come on top. */
const MARGIN_MS = 30_000;

const ANSWER_MS: Limits = {
  player: answerMs('player'),
  service: answerMs('service'),
  operator: answerMs('operator'),
  auditor: answerMs('auditor'),
};

/** Until a statement of that role has ended, one way or the other. */
export function statementLimitOf(role: Role): number {
  return OTHER_STATEMENT_TIMEOUTS_MS[role] ?? STATEMENT_TIMEOUT_MS;
}

function answerMs(role: Role): number {
  return statementLimitOf(role) + MARGIN_MS;
}

/** For the settings of a call; PostgreSQL heeds it from the next statement of the same transaction on. */
export function statementTimeoutOf(role: Role): string | undefined {
  return OTHER_STATEMENT_TIMEOUTS_MS[role]?.toString();
}

/** What is still under way when the time is up may yet be booked: the same key will tell. */
export function answerInTime(limits: Limits = ANSWER_MS): RequestHandler {
  return (_req, res, next) => {
    const timer = setTimeout(() => {
      if (res.headersSent) res.destroy();
      else sendError(res, 503, 'TIMEOUT', 'timeout: the call took too long');
    }, limits[identityOf(res).role]);
    res.once('close', () => {
      clearTimeout(timer);
    });
    next();
  };
}
