/** Translates errors for callers: refusals of the ledger as they are, some database errors by name, all others as an id. */
import { randomUUID } from 'node:crypto';
import type { Response } from 'express';
import { GraphQLError } from 'postgraphile/graphql';
import { NoConnection } from './database/waiting_pool.ts';
import { isNetworkCode } from './exit.ts';
import { describeError, log } from './observability/log.ts';
import { addErrors } from './observability/request_facts.ts';
import { RetryLog } from './observability/retry_log.ts';
import { activeTraceId } from './observability/spans.ts';

export interface PublicError {
  message: string;
  extensions: { code: string; detail?: unknown; hint?: string; id?: string };
}

/** The database starts, stops, fails over or has no free connection. */
const UNREACHABLE = { code: 'RETRY', message: 'retry: the database cannot be reached' };

/** A connection was lost during a call; a retry with the same idempotency key tells whether it was booked. */
const LOST = { code: 'RETRY', message: 'retry: the connection to the database was lost' };

/** From SQLSTATEs and the gateway's own codes to the code for callers, with a message where the original one is not meant for them. */
const KNOWN: Readonly<Record<string, { code: string; message?: string }>> = {
  WLAMT: { code: 'INVALID_AMOUNT' },
  WLARG: { code: 'INVALID_ARGUMENT' },
  WLSLF: { code: 'SAME_WALLET' },
  WLNOW: { code: 'WALLET_NOT_FOUND' },
  WLNOD: { code: 'WRONG_NODE' },
  WLNOA: { code: 'ASSET_NOT_FOUND' },
  WLNOH: { code: 'HOLD_NOT_FOUND' },
  WLNOT: { code: 'TRANSFER_NOT_FOUND' },
  WLAST: { code: 'ASSET_MISMATCH' },
  WLKEY: { code: 'IDEMPOTENCY_KEY_REUSED' },
  WLFRZ: { code: 'WALLET_FROZEN' },
  WLCLS: { code: 'WALLET_CLOSED' },
  WLHLD: { code: 'HOLD_NOT_OPEN' },
  WLREV: { code: 'NOT_REVERSIBLE' },
  WLLIM: { code: 'LIMIT_EXCEEDED' },
  WLFND: { code: 'INSUFFICIENT_FUNDS' },
  WLNWH: { code: 'WEBHOOK_NOT_FOUND' },
  WLWHX: { code: 'WEBHOOK_EXISTS' },
  42501: { code: 'FORBIDDEN', message: "forbidden: the token's role may not do this" },
  '22P02': { code: 'INVALID_ARGUMENT', message: 'invalid argument: a value cannot be read as its type' },
  22003: { code: 'INVALID_ARGUMENT', message: 'invalid argument: a number is out of range' },
  22007: { code: 'INVALID_ARGUMENT', message: 'invalid argument: a date or time cannot be read' },
  22008: { code: 'INVALID_ARGUMENT', message: 'invalid argument: a date or time is out of range' },
  22009: { code: 'INVALID_ARGUMENT', message: 'invalid argument: a date or time is out of range' },
  22021: { code: 'INVALID_ARGUMENT', message: 'invalid argument: a text holds a character that cannot be stored' },
  '22P05': { code: 'INVALID_ARGUMENT', message: 'invalid argument: a text holds a character that cannot be stored' },
  40001: { code: 'RETRY', message: 'retry: another call came in between' },
  '40P01': { code: 'RETRY', message: 'retry: another call came in between' },
  '55P03': { code: 'RETRY', message: 'retry: the wallet is busy' },
  55000: { code: 'RETRY', message: 'retry: the ledger was moved here, and its feed begins anew with npm run migrate' },
  '57P01': { code: 'RETRY', message: 'retry: the database ended the connection' },
  '57P02': { code: 'RETRY', message: 'retry: the database ended the connection' },
  '57P03': UNREACHABLE,
  53300: UNREACHABLE,
  57014: { code: 'TIMEOUT', message: 'timeout: the call took too long' },
  // The gateway's own codes. The message of TOO_MANY_AT_ONCE names what exceeds its limit.
  TOO_MANY_AT_ONCE: { code: 'RETRY' },
  CONNECTION_LOST: LOST,
  // The retry is answered after the standby has the transaction.
  UNCONFIRMED: { code: 'RETRY', message: "retry: the database's standby has not confirmed it" },
  KEYS_UNREADABLE: {
    code: 'RETRY',
    message: "retry: the token cannot be checked, its issuer's keys cannot be read",
  },
};

/** Errors of pg and Grafast without a code, recognised by their message. */
const KNOWN_TEXTS: readonly { text: RegExp; code: string; message: string }[] = [
  { text: /^timeout exceeded when trying to connect/, code: 'RETRY', message: 'retry: the service is busy' },
  { text: /^(Connection terminated|Client has encountered a connection error)/, ...LOST },
  {
    text: /^Invalid ('(after|before)' )?cursor/,
    code: 'INVALID_ARGUMENT',
    message: 'invalid argument: the cursor is not one of this list',
  },
];

const MAX_PLACE = 200;

const retries = new RetryLog();

interface DatabaseError extends Error {
  code?: unknown;
  detail?: unknown;
  hint?: unknown;
}

/** For Grafserv: replaces each error of a GraphQL answer by what the caller may see. */
export function maskError(error: GraphQLError): GraphQLError {
  const cause = error.originalError ?? undefined;
  const shown = isGraphqlError(cause) ? graphqlError(error) : publicError(cause, error.path?.join('.'));
  return new GraphQLError(shown.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    originalError: cause ?? null,
    extensions: { ...shown.extensions },
  });
}

/** What the caller may see of an error. `place` is where it happened, for the log. */
export function publicError(error: unknown, place = 'request'): PublicError {
  if (!Error.isError(error)) return internalError(error, place);
  const { message, detail, hint } = error as DatabaseError;
  const known = knownOf(error);
  if (!known) return internalError(error, place);
  if (known.code === 'RETRY') retries.note(known.message ?? message, error);
  if (known.message !== undefined) return { message: known.message, extensions: { code: known.code } };
  return {
    message,
    extensions: {
      code: known.code,
      ...(typeof detail === 'string' && { detail: parseDetail(detail) }),
      ...(typeof hint === 'string' && { hint }),
    },
  };
}

/** Whether an error of an answer, before it is masked, is not about the call itself: it may be sent again. */
export function mayBeRepeated({ originalError }: GraphQLError): boolean {
  return originalError ? knownOf(originalError)?.code === 'RETRY' : false;
}

/** The name of an SQLSTATE for callers; the SQLSTATE itself if it has none. */
export function nameOfCode(sqlstate: string): string {
  return Object.hasOwn(KNOWN, sqlstate) ? (KNOWN[sqlstate]?.code ?? sqlstate) : sqlstate;
}

function knownOf(error: DatabaseError): { code: string; message?: string } | undefined {
  const { code, message } = error;
  const byText = KNOWN_TEXTS.find(({ text }) => text.test(message));
  // Without a connection the call cannot be the cause.
  if (error instanceof NoConnection) return byText ?? UNREACHABLE;
  if (typeof code !== 'string') return byText;
  return isNetworkCode(code) ? UNREACHABLE : Object.hasOwn(KNOWN, code) ? KNOWN[code] : byText;
}

/** Answers a request outside of GraphQL with errors in GraphQL's format. */
export function sendError(res: Response, status: number, code: string, message: string): void {
  sendPublicError(res, status, { message, extensions: { code } });
}

export function sendPublicError(res: Response, status: number, error: PublicError): void {
  addErrors(res, [error]);
  res.status(status).json({ errors: [error] });
}

/** Errors of the request itself (syntax, validation, wrong types) come from GraphQL and reveal nothing. */
function isGraphqlError(cause: Error | undefined): boolean {
  return cause === undefined || cause instanceof GraphQLError;
}

function graphqlError({ message, extensions }: GraphQLError): PublicError {
  const code = extensions.code;
  return { message, extensions: { code: typeof code === 'string' ? code : 'BAD_REQUEST' } };
}

function internalError(error: unknown, place: string): PublicError {
  const id = randomUUID();
  log.error(
    { error_id: id, trace_id: activeTraceId(), place: place.slice(0, MAX_PLACE), error: describeError(error) },
    'internal error',
  );
  return { message: `internal error: ${id}`, extensions: { code: 'INTERNAL', id } };
}

function parseDetail(detail: string): unknown {
  try {
    return JSON.parse(detail);
  } catch {
    return detail;
  }
}
