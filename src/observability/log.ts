/**
 * The service's log, one line for each event: JSON in production, otherwise text. Warnings and errors go to standard error, all else to
 * standard output. It never contains tokens, variables, metadata or the detail of a database error, which may quote a caller's data.
 */
import { pino } from 'pino';
import type { LogLevel } from '../config.ts';

/** A write costs more than a line, so lines are collected up to this size or FLUSH_MS. */
const MIN_BYTES = 16_000;
const FLUSH_MS = 100;
/** If nobody reads the output, further lines are dropped and counted. */
const MAX_WAITING_BYTES = 8_000_000;
/** The operating system never mixes a write of at most this size with others to the same pipe (PIPE_BUF). */
const WHOLE_BYTES = 4_096;
/** How often to retry writing when the process exits, a tenth of a second apart. */
const ATTEMPTS_AT_END = 10;

interface Line {
  time: string;
  level: string;
  msg?: string;
  [field: string]: unknown;
}

let isJson = false;
let dropped = 0;
let flushing: NodeJS.Timeout | undefined;
let isEnding = false;
let attempts = 0;
process.once('exit', () => (isEnding = true));

const retryEAGAIN = (): boolean => !isEnding || (attempts += 1) < ATTEMPTS_AT_END;
// Output is written in large blocks, errors at once; the process waits for neither.
const output = pino.destination({
  dest: 1,
  sync: false,
  minLength: MIN_BYTES,
  maxLength: MAX_WAITING_BYTES,
  // With text, the stream would measure everything that waits for each line.
  contentMode: 'buffer',
  retryEAGAIN,
});
const errors = pino.destination({ dest: 2, sync: false, maxLength: MAX_WAITING_BYTES, retryEAGAIN });
for (const stream of [output, errors]) stream.on('drop', () => (dropped += 1));

const fine = {
  write(line: string) {
    // The type only allows text.
    output.write(Buffer.from(isJson ? line : readable(line)) as unknown as string);
    flushing ??= setTimeout(flush, FLUSH_MS).unref();
  },
};
const wrong = { write: (line: string) => errors.write(isJson ? line : readable(line)) };

export const log = pino(
  {
    base: { service: 'wallet-service' },
    timestamp: false,
    // A line about a past event has its own time.
    mixin: () => ({ time: new Date().toISOString() }),
    formatters: { level: (level) => ({ level }) },
  },
  pino.multistream(
    [
      { level: 'trace', stream: fine },
      { level: 'warn', stream: wrong },
    ],
    { dedupe: true },
  ),
);

function flush(): void {
  flushing = undefined;
  output.flush();
}

/** For processes of the service, not for commands. */
export function startLog(config: { logLevel: LogLevel; production: boolean }): void {
  configureLog(config);
  logCrashes();
  if (config.production) takeOverConsole();
}

/** For several processes that write to the same pipe: keeps each line whole. */
export function shareOutput(): void {
  // Each write contains whole lines; lines are collected only while another write is in progress.
  Object.assign(output, { minLength: 0, maxWrite: WHOLE_BYTES });
  Object.assign(errors, { maxWrite: WHOLE_BYTES });
}

/** Before this call, and in commands, the log is text. */
export function configureLog({ logLevel, production }: { logLevel: LogLevel; production: boolean }): void {
  log.level = logLevel;
  isJson = production;
}

/** Number of lines that were dropped because nobody read the output. */
export function droppedLines(): number {
  return dropped;
}

/** Describes an error in one line, without the detail of a database error, which may quote a caller's values. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const text = typeof code === 'string' ? `${code} ${error.message}` : (error.stack ?? error.message);
  return text.replaceAll(/\s*\n\s*/g, ' | ');
}

/** Logs an uncaught exception as one line; Node would print everything that the error contains. */
export function logCrashes(): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ error: describeError(error) }, 'crashed');
    process.exit(1);
  });
}

/** Some libraries print whole requests to the console. Logs only the texts and error messages of such output. */
export function takeOverConsole(): void {
  const print = (...args: unknown[]): void => {
    const said = args.filter((arg) => arg instanceof Error || typeof arg === 'string');
    log.warn({ said: said.map(describeError).join(' ').slice(0, 1000) }, 'printed by a library');
  };
  Object.assign(console, { log: print, info: print, warn: print, error: print, dir: print });
}

function readable(text: string): string {
  const { time, level, msg = '', ...fields } = JSON.parse(text) as Line;
  delete fields.service;
  const more = Object.entries(fields).map(([name, value]) => ` ${name}=${plain(value)}`);
  return `${time.slice(11, 19)} ${level} ${msg}${more.join('')}\n`;
}

/** Quotes the value unless it is unambiguous without. */
function plain(value: unknown): string {
  return typeof value === 'string' && /^[\w:./ -]+$/.test(value) ? value : JSON.stringify(value);
}
