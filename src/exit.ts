/** How a process ends that could not do its work: the exit codes, and one line that says why. */
import pg from 'pg';
import { ConfigError } from './config.ts';

export const EXIT = {
  fine: 0,
  /** The command ran and found something, or failed half way. */
  finding: 1,
  /** An argument or a setting is wrong: nothing was done. */
  usage: 2,
  /** The database or service cannot be reached. */
  unreachable: 3,
} as const;

/** An argument that cannot work. The message is one line for whoever typed it. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The database cannot be used as the settings say. The message is one line for the person who set them. */
export class UnreachableError extends ConfigError {
  override name = 'UnreachableError';
}

/** The operating system and the network: no server, no route, no such host, a connection that broke. */
const NETWORK =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|EAI_FAIL|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN)$/;
/** SQLSTATEs: connection exceptions, no free connection, the server shuts down or starts. */
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

/** Without a stack trace: the line is for the person who starts a command, not for its developers. */
export function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const hint = error instanceof pg.DatabaseError && error.hint ? `: ${error.hint}` : '';
  const text = error.message || (typeof code === 'string' ? code : error.name);
  return `${text.trim()}${hint}`.replaceAll(/\s*\n\s*/g, ' | ');
}
