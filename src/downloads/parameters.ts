/** Reads the query parameters of a URL. The error names a parameter that is unknown, repeated or invalid. */
import type { Request } from 'express';

/** The message is meant for the caller. */
export class ParameterError extends Error {
  override name = 'ParameterError';
}

/** A date, a time of at most microseconds and a time zone: without a zone the instant would be ambiguous. */
const INSTANT = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;

/** Returns the parameters as they were written; those that were not given are undefined. */
export function readParameters<Name extends string>(
  { originalUrl }: Pick<Request, 'originalUrl'>,
  kinds: Readonly<Record<Name, 'instant' | 'text'>>,
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  const start = originalUrl.indexOf('?');
  if (start < 0) return found;
  for (const [key, value] of new URLSearchParams(originalUrl.slice(start))) {
    const name = Object.hasOwn(kinds, key) ? (key as Name) : undefined;
    if (name === undefined) throw new ParameterError(`invalid argument: there is no parameter ${shown(key)}`);
    if (found[name] !== undefined) throw new ParameterError(`invalid argument: ${name} is there twice`);
    if (kinds[name] === 'instant' && !isInstant(value)) {
      throw new ParameterError(
        `invalid argument: ${name} must be an instant such as 2026-01-31T12:00:00Z (write + as %2B)`,
      );
    }
    found[name] = value;
  }
  return found;
}

function isInstant(value: string): boolean {
  const [, year, month, day] = INSTANT.exec(value) ?? [];
  if (year === undefined || year === '0000') return false;
  // JavaScript turns February 30 into March 2, so compare the text.
  const date = new Date(`${year}-${month ?? ''}-${day ?? ''}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${year}-${month ?? ''}-${day ?? ''}`);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}
