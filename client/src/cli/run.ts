/** Runs one command of `wallet`: its arguments, its output, and the code that it ends with. */
import { createWallet, OutcomeUnknown, Refused } from '../index.ts';
import { numberOf, readArguments, UsageError, type Options, type Values } from './arguments.ts';
import { COMMANDS, type Command } from './commands.ts';
import { createOpenMany } from './open.ts';
import { json, plain, Style, type Sink } from './output.ts';

/** How a command ends. */
export const EXIT = {
  done: 0,
  /** The service said no: nothing has changed. Of an import: some rows are bad, or were refused. */
  refused: 1,
  /** An argument is wrong: nothing was done. */
  usage: 2,
  /** The service cannot be reached, or does not answer a question. */
  unreachable: 3,
  /** It may have been booked: the same command with the same key tells. */
  unknown: 4,
} as const;

/** What a program that offers the commands decides. */
export interface Surroundings {
  /** How it is called, such as `wallet` or `npm run wallet --`. */
  program: string;
  stdout: Sink;
  stderr: Sink;
  env: Record<string, string | undefined>;
  /** Ends what would go on for ever. */
  signal?: AbortSignal;
  /** Where there is no URL, or no token. */
  fallback?: (url: string | undefined) => Promise<{ url: string; token: string } | undefined>;
}

const COMMON: Options = {
  url: { type: 'string' },
  token: { type: 'string' },
  json: { type: 'boolean' },
  persisted: { type: 'boolean' },
  deadline: { type: 'string' },
  help: { type: 'boolean' },
};

const commonHelp = (width: number): string =>
  [
    ['--json', 'for programs: one JSON document, or one a line'],
    ['--url <url>', 'of the service; or WALLET_URL'],
    ['--token <token>', 'of the caller; better in WALLET_TOKEN, as others may see arguments'],
    ['--persisted', 'sends hashes of documents, to a service that answers known documents only'],
    ['--deadline <seconds>', 'how long to try, 30 if left out'],
  ]
    .map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`)
    .join('\n');

const CODES = `Exit codes: 0 done; 1 refused, nothing has changed; 2 an argument is wrong, nothing was done; 3 the service
cannot be reached; 4 outcome unknown: run the same command with the same key again.`;

/** The exit code; never throws. */
export async function run(argv: readonly string[], around: Surroundings): Promise<number> {
  // Also where the arguments cannot be read.
  const isJson = argv.includes('--json');
  try {
    return await start(argv, around);
  } catch (error) {
    return report(error, isJson, around);
  }
}

async function start(argv: readonly string[], around: Surroundings): Promise<number> {
  const [name = ''] = argv;
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) {
    if (name !== '' && !name.startsWith('-')) throw new UsageError(`There is no command ${plain(name)}; see --help`);
    const { values } = readArguments(argv, COMMON);
    if (values.help !== true) throw new UsageError('Name a command; see --help');
    around.stdout.write(overview(around.program));
    return EXIT.done;
  }
  const { values, positionals } = readArguments(argv.slice(1), { ...COMMON, ...command.options });
  if (values.help === true) {
    around.stdout.write(helpOf(command, around.program));
    return EXIT.done;
  }
  if (positionals.length < command.takes.length)
    throw new UsageError(`Give ${command.takes.map((one) => `<${one}>`).join(' ')}; see --help`);
  if (positionals.length > command.takes.length)
    throw new UsageError(`Unexpected argument '${plain(positionals[command.takes.length] ?? '')}'; see --help`);
  for (const one of command.needs ?? [])
    if (values[one] === undefined) throw new UsageError(`--${one} is needed; see --help`);
  const named = Object.fromEntries(command.takes.map((one, place) => [one, positionals[place] ?? '']));
  const asked = command.read(named, values);
  const { url, token } = await serviceOf(values, around);
  const deadline = values.deadline === undefined ? 30 : numberOf('--deadline', String(values.deadline), 86_400);
  const options = { url, token, deadline: deadline * 1_000, persisted: values.persisted === true };
  return asked({
    client: createWallet(options),
    openMany: createOpenMany(options),
    isJson: values.json === true,
    stdout: around.stdout,
    stderr: around.stderr,
    style: new Style(around.stdout, around.env),
    signal: around.signal,
  });
}

/** An empty setting is none. */
const given = (value: Values[string]): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

async function serviceOf(values: Values, { env, fallback }: Surroundings): Promise<{ url: string; token: string }> {
  const url = given(values.url) ?? given(env.WALLET_URL);
  const token = given(values.token) ?? given(env.WALLET_TOKEN);
  const other = url === undefined || token === undefined ? await fallback?.(url) : undefined;
  const service = { url: url ?? other?.url, token: token ?? other?.token };
  if (service.url === undefined) throw new UsageError('Say where the service is: WALLET_URL or --url; see --help');
  if (!/^https?:\/\/[^/]/.test(service.url))
    throw new UsageError('The URL of the service must begin with http:// or https://');
  if (service.token === undefined) throw new UsageError('A token is needed: WALLET_TOKEN or --token; see --help');
  return { url: service.url, token: service.token };
}

/** What a program is told of an error, and people too. */
interface Trouble {
  kind: 'usage' | 'refused' | 'unreachable' | 'unknown' | 'failed';
  message: string;
  code?: string;
  detail?: unknown;
  hint?: string;
  inDoubt?: boolean;
  key?: string | undefined;
}

function report(error: unknown, isJson: boolean, { stdout, stderr, env }: Surroundings): number {
  const trouble = troubleOf(error);
  if (isJson) stdout.write(json({ error: trouble }));
  else {
    stderr.write(`${new Style(stderr, env).red(plain(trouble.message))}\n`);
    if (trouble.hint) stderr.write(`${plain(trouble.hint)}\n`);
  }
  return trouble.kind === 'failed' ? EXIT.refused : EXIT[trouble.kind];
}

function troubleOf(error: unknown): Trouble {
  if (error instanceof Refused) {
    const { code, message, detail, hint, inDoubt } = error;
    const late = inDoubt ? ' An earlier try got no answer: run it again with the same key, later too.' : '';
    return { kind: 'refused', code, message, detail, hint: `${hint}${late}`.trim(), inDoubt };
  }
  if (error instanceof OutcomeUnknown) {
    const { message, sent, key } = error;
    // What fetch itself says is that it failed; why, its cause says.
    const { cause } = (error.cause ?? {}) as { cause?: { message?: string; code?: string } };
    const why = [cause?.message, cause?.code].find(Boolean) ?? message.replace(/^outcome unknown: /, '');
    return sent && key !== undefined
      ? { kind: 'unknown', message, key, hint: 'It may have been booked: run it again, with the same key.' }
      : { kind: 'unreachable', message: `the service cannot be reached: ${why}` };
  }
  const { message } = error as Error;
  return { kind: error instanceof UsageError ? 'usage' : 'failed', message };
}

function overview(program: string): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return `${program} <command> [--json] [--url <url>] [--token <token>] [--deadline <seconds>]

${COMMANDS.map(({ name, does }) => `  ${name.padEnd(width)}  ${does}`).join('\n')}

Amounts are whole minor units. ${program} <command> --help says more.

${CODES}
`;
}

function helpOf(
  { name, does, help, example, takes, options = {}, describes = {}, needs = [] }: Command,
  program: string,
): string {
  const lines = Object.keys(options).map((option) => {
    const [value = '', meaning = ''] = describes[option] ?? [];
    return [`--${option}${value && ` ${value}`}`, meaning] as const;
  });
  const width = Math.max(20, ...lines.map(([left]) => left.length));
  const given = [...takes.map((one) => `<${one}>`), ...needs.map((one) => `--${one} ${describes[one]?.[0] ?? ''}`)];
  return `${program} ${[name, ...given].join(' ')}

${does}.${help === undefined ? '' : `\n${help}`}

${[...lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`), commonHelp(width)].join('\n')}

Example:

  ${program} ${example}

${CODES}
`;
}
