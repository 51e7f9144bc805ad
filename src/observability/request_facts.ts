/** What is found out about a request while it is answered: for its log line, and for its metrics. */
import type { Response } from 'express';

export interface RequestFacts {
  /** As the caller named it, or the fields it asks for. */
  operation?: string;
  /** The field it asks for: a name of ours, of which there are few. */
  field?: string;
  /** Of the errors in the answer. */
  codes: string[];
  /** Under which what happened is logged. */
  errorIds: string[];
  /** Why its token was not taken. */
  reason?: string;
}

interface AnsweredError {
  extensions?: { code?: unknown; id?: unknown };
}

/** Undefined for requests that nobody observes, such as those that ask how the service is. */
export function factsOf(res: Response): RequestFacts | undefined {
  return res.locals.facts as RequestFacts | undefined;
}

export function startFacts(res: Response): void {
  res.locals.facts = { codes: [], errorIds: [] } satisfies RequestFacts;
}

export function setReason(res: Response, reason: string): void {
  const facts = factsOf(res);
  if (facts) facts.reason = reason;
}

export function addErrors(res: Response, errors: readonly AnsweredError[]): void {
  const facts = factsOf(res);
  if (!facts) return;
  for (const { extensions } of errors) {
    if (typeof extensions?.code === 'string') facts.codes.push(extensions.code);
    if (typeof extensions?.id === 'string') facts.errorIds.push(extensions.id);
  }
}
