/** What every command shares: strict arguments, `--help`, one line for each failure, and the exit codes of docs/operate/commands.md. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { EXIT, exitCodeOf, oneLine, UsageError } from './exit.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values'];

export interface Command<O extends Options> {
  /** What `--help` prints. */
  help: string;
  options?: O;
  /** The command takes this one argument without a name. */
  positional?: string;
}

/**
 * Runs `work` with the arguments of this process and sets the exit code. `--help` prints the help and does nothing else; an argument
 * that the command does not know, or one that is given twice, is refused before anything happens.
 */
export async function command<const O extends Options>(
  { help, options, positional }: Command<O>,
  work: (values: Values<O>, positional: string | undefined) => Promise<number>,
): Promise<void> {
  try {
    const { values, positionals } = readArguments({ ...options, help: { type: 'boolean' } }, positional !== undefined);
    if ('help' in values && values.help === true) {
      process.stdout.write(`${help}\n`);
      process.exitCode = EXIT.fine;
      return;
    }
    process.exitCode = await work(values as Values<O>, positionals[0]);
  } catch (error) {
    // Not by the console, which the service may have taken over by then.
    process.stderr.write(`${oneLine(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

/** A whole number above 0, as an option gives it. */
export function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--${name} must be a whole number above 0; see --help`);
  return Number(text);
}

function readArguments(options: Options, allowPositionals: boolean) {
  const { values, positionals, tokens } = parse(options, allowPositionals);
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option' || options[token.name]?.multiple) continue;
    if (seen.has(token.name)) throw new UsageError(`--${token.name} is given twice; see --help`);
    seen.add(token.name);
  }
  if (positionals.length > 1) throw new UsageError(`Unexpected argument '${positionals[1] ?? ''}'; see --help`);
  return { values, positionals };
}

function parse(options: Options, allowPositionals: boolean) {
  try {
    return parseArgs({ options, allowPositionals, strict: true, tokens: true });
  } catch (error) {
    // The first sentence says what is wrong; the next ones are about how to quote.
    throw new UsageError(`${(error as Error).message.replace(/\.\s.*/s, '')}; see --help`, { cause: error });
  }
}
