/** Exit codes, and failures described in one line. */
import pg from 'pg';
import { ConfigError } from './config.ts';

export const EXIT = {
  fine: 0,
  /** The command ran and found something, or failed halfway. */
  finding: 1,
  usage: 2,
  unreachable: 3,
} as const;

/** A wrong argument. The message is one line for the user. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The database cannot be reached with the settings. The message is one line for the administrator. */
export class UnreachableError extends ConfigError {
  override name = 'UnreachableError';
}

const NETWORK =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|EAI_FAIL|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN)$/;
/** SQLSTATEs: connection exceptions, no free connection, server shutting down or starting. */
const AWAY = /^(08...|53300|57P0[1-5])$/;

export function isUnreachable(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return false;
  return error instanceof pg.DatabaseError ? AWAY.test(code) : isNetworkCode(code);
}

export function isNetworkCode(code: string): boolean {
  return NETWORK.test(code);
}

export function exitCodeOf(error: unknown): number {
  if (isUnreachable(error)) return EXIT.unreachable;
  if (error instanceof ConfigError || error instanceof UsageError) return EXIT.usage;
  return EXIT.finding;
}

/** Has no stack trace: the line is for the user of a command. */
export function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const hint = error instanceof pg.DatabaseError && error.hint ? `: ${error.hint}` : '';
  const text = error.message || (typeof code === 'string' ? code : error.name);
  return `${text.trim()}${hint}`.replaceAll(/\s*\n\s*/g, ' | ');
}
