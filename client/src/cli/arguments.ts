/** What is typed behind `wallet`: strict, so that nothing happens by a slip. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Something typed that cannot work; the message is one line. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export type Options = NonNullable<ParseArgsConfig['options']>;
/** The values of options, by name. */
export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

/** Values and arguments; refuses what is not known, or is given twice. */
export function readArguments(argv: readonly string[], options: Options): { values: Values; positionals: string[] } {
  const { values, positionals, tokens } = parse(argv, options);
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option' || options[token.name]?.multiple) continue;
    if (seen.has(token.name)) throw new UsageError(`--${token.name} is given twice; see --help`);
    seen.add(token.name);
  }
  return { values, positionals };
}

function parse(argv: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true, tokens: true });
  } catch (error) {
    // The first sentence says what is wrong; the next ones are about how to quote.
    throw new UsageError(`${(error as Error).message.replace(/\.\s.*/s, '')}; see --help`, { cause: error });
  }
}

/** Minor units. */
export function amountOf(name: string, text: string): bigint {
  if (!/^[1-9]\d{0,15}$/.test(text))
    throw new UsageError(`${name} must be a whole number of minor units above 0; see --help`);
  return BigInt(text);
}

export function numberOf(name: string, text: string, most: number): number {
  const number = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new UsageError(`${name} must be a whole number from 1 to ${most}; see --help`);
  return number;
}

/** An instant with its zone. */
export function instantOf(name: string, text: string): string {
  if (!isInstant(text))
    throw new UsageError(`${name} must be an instant with its zone, such as 2030-01-31T00:00:00Z; see --help`);
  return text;
}

export function isInstant(text: string): boolean {
  return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)$/.test(text);
}

/** A JSON object. */
export function objectOf(name: string, text: string): Record<string, unknown> {
  const value = parsed(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${name} must be a JSON object, such as '{"item": "sword"}'; see --help`);
  return value as Record<string, unknown>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
