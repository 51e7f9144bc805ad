/** Reads the parameters of an address: one that is not known, comes twice or cannot be read is refused by its name. */
import type { Request } from 'express';

/** The message is for the caller. */
export class ParameterError extends Error {
  override name = 'ParameterError';
}

/** A day, a time to the microsecond and a zone: what has none would mean another instant elsewhere. */
const INSTANT = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;

/** The parameters as they were written; undefined where one is not there. */
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
  // There is no other text for a day that is there.
  const date = new Date(`${year}-${month ?? ''}-${day ?? ''}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${year}-${month ?? ''}-${day ?? ''}`);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}
