/** How it shows that the server stops, starts, is full, or that the way to it broke. */
import pg from 'pg';

/** The server ends the session, is about to start or to stop, or has no room: before the call, or perhaps after it. */
const CODES = ['57P01', '57P02', '57P03', '53300'];
const TEXTS = [
  /^(Connection terminated|Client has encountered a connection error|Query read timeout|timeout expired|timeout exceeded)/,
  /^socket hang up|\b(ECONNRESET|EPIPE|ECONNREFUSED|This socket has been ended)\b/,
];

/** What was asked may not have been heard, or its answer not. */
export function isAway(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return CODES.includes(error.code ?? '');
  return TEXTS.some((text) => text.test((error as Error).message));
}
