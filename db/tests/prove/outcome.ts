/** What a caller knows after an answer, or without one. Anything that is not foreseen here is a finding. */
import pg from 'pg';
import { nameOfCode, publicError } from '../../../src/errors.ts';
import type { GraphqlError } from '../../../src/testing.ts';
import type { Outcome as Answered, Receipt } from '../helpers.ts';
import { isAway } from './away.ts';

export type Outcome =
  | { kind: 'done'; receipts: Receipt[] }
  /** Of many calls in one, each for itself: in their order. */
  | { kind: 'each'; items: ItemOutcome[] }
  /** By a rule of the ledger; nothing was booked. */
  | { kind: 'refused'; code: string }
  /** Nothing was booked, and the same call may be sent again. */
  | { kind: 'again'; code: string }
  /** The same call, sent again, will tell. */
  | { kind: 'unknown'; code: string }
  | { kind: 'finding'; text: string };

export type ItemOutcome =
  | { kind: 'done'; receipt: Receipt }
  /** The facts are those of the refusal. */
  | { kind: 'refused'; code: string; facts: Record<string, unknown> }
  /** Its wallet was locked by another call: it was not tried. */
  | { kind: 'again'; code: string };

const SKIPPED = nameOfCode('55P03');

/** What came of one of many calls; its code may be an SQLSTATE or its name. */
export function itemOutcomeOf({ receipt, refusal }: Answered): ItemOutcome {
  if (receipt) return { kind: 'done', receipt };
  const code = nameOfCode(refusal?.code ?? '');
  return code === SKIPPED ? { kind: 'again', code } : { kind: 'refused', code, facts: refusal?.detail ?? {} };
}

const AGAIN = ['40001', '40P01', '55P03', '57014'];
/** Of what a session threw; `sent` tells whether the call may have reached the server. */
export function outcomeOfError(error: unknown, sent: boolean): Outcome {
  const isFromServer = error instanceof pg.DatabaseError;
  const code = isFromServer ? (error.code ?? 'none') : 'connection lost';
  if (isFromServer && code.startsWith('WL')) return { kind: 'refused', code: publicError(error).extensions.code };
  if (AGAIN.includes(code)) return { kind: 'again', code };
  if (isAway(error)) return { kind: sent ? 'unknown' : 'again', code };
  return { kind: 'finding', text: `unclassified: ${code} ${(error as Error).stack ?? ''}` };
}

/** Refusals that are of the ledger have its names; these are the service's. */
const SERVICE_CODES = ['INTERNAL', 'BAD_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN', 'INVALID_ARGUMENT'];

/** `log` is what the service has written about it. */
export function outcomeOfGraphqlError(status: number, { message, extensions }: GraphqlError, log: string): Outcome {
  const { code } = extensions;
  // Whether the call was booked before the connection broke, the answer does not say.
  if (code === 'RETRY') return { kind: /connection|database/.test(message) ? 'unknown' : 'again', code };
  if (code === 'TIMEOUT') return { kind: 'again', code };
  // The expiry has passed meanwhile; the wallet has had its opening balance; the wallet to be merged has open holds.
  if (/^invalid argument: (expires_at|wallet_id|from_wallet)/.test(message)) return { kind: 'refused', code };
  if (status >= 500 || SERVICE_CODES.includes(code))
    return { kind: 'finding', text: `${status} ${code}: ${message} ${log}` };
  return { kind: 'refused', code };
}

/** Of what fetch threw. */
export function outcomeOfFetchError(error: unknown): Outcome {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  if (cause?.code === 'ECONNREFUSED') return { kind: 'again', code: 'gateway down' };
  const isBroken =
    ['AbortError', 'TimeoutError'].includes(name) ||
    /^(UND_ERR_SOCKET|ECONNRESET|EPIPE|HPE_\w+)$/.test(cause?.code ?? '') ||
    /terminated|Unexpected end of JSON input|fetch failed|other side closed/.test(message);
  if (isBroken) return { kind: 'unknown', code: 'no answer from the gateway' };
  return { kind: 'finding', text: `unclassified error of fetch: ${name} ${message} ${cause?.code ?? ''}` };
}
