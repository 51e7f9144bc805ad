/** Facts about a request that are collected while it is answered, for its log line and metrics. */
import type { Response } from 'express';

export interface RequestFacts {
  /** The operation's name in the document, or else its fields. */
  operation?: string;
  /** The one field, by its name in the schema: these are few. */
  field?: string;
  codes: string[];
  /** The ids under which the errors are logged. */
  errorIds: string[];
  /** Why the token was rejected. */
  reason?: string;
}

interface AnsweredError {
  extensions?: { code?: unknown; id?: unknown };
}

/** Undefined for requests that are not observed, such as health checks. */
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
