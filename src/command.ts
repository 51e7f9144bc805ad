/** Common to all commands: strict arguments, `--help`, failures in one line, and the exit codes of docs/operate/commands.md. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { EXIT, exitCodeOf, oneLine, UsageError } from './exit.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values'];

export interface Command<O extends Options> {
  help: string;
  options?: O;
  /** The name of the command's one positional argument. */
  positional?: string;
}

/**
 * Runs `work` with the arguments of this process and sets the exit code. `--help` only prints the help. An unknown or repeated argument is
 * refused before anything happens.
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
    // Not with console.error, which the service may have redirected to the log.
    process.stderr.write(`${oneLine(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

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
    // The first sentence describes the error, the next ones explain quoting.
    throw new UsageError(`${(error as Error).message.replace(/\.\s.*/s, '')}; see --help`, { cause: error });
  }
}
