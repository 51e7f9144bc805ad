/** What is found out about a request while it is answered: for its log line, and for its metrics. */
import type { Response } from 'express';

export interface Notes {
  /** As the caller named it, or the fields it asks for. */
  operation?: string;
  /** The field it asks for: a name of ours, of which there are few. */
  field?: string;
  /** Of the errors that the caller was told. */
  codes: string[];
  /** Under which what happened is logged. */
  errorIds: string[];
  /** Why its token was not taken. */
  reason?: string;
}

interface Told {
  extensions?: { code?: unknown; id?: unknown };
}

/** Undefined for requests that nobody observes, such as those that ask how the service is. */
export function notesOf(res: Response): Notes | undefined {
  return res.locals.notes as Notes | undefined;
}

export function startNotes(res: Response): void {
  res.locals.notes = { codes: [], errorIds: [] } satisfies Notes;
}

export function noteReason(res: Response, reason: string): void {
  const notes = notesOf(res);
  if (notes) notes.reason = reason;
}

export function noteErrors(res: Response, told: readonly Told[]): void {
  const notes = notesOf(res);
  if (!notes) return;
  for (const { extensions } of told) {
    if (typeof extensions?.code === 'string') notes.codes.push(extensions.code);
    if (typeof extensions?.id === 'string') notes.errorIds.push(extensions.id);
  }
}
