/**
 * What the service logs, one line for each event: JSON in production, text for people elsewhere. What goes
 * well is on standard output, warnings and errors are on standard error. Never a token, a variable, metadata or the detail
 * of a database error: all of them may quote what a caller sent.
 */
import { pino } from 'pino';
import type { LogLevel } from '../config.ts';

/** A write costs more than the line: so much goes at once, or what there is after a moment. */
const MIN_BYTES = 16_000;
const FLUSH_MS = 100;
/** If nobody reads, lines are dropped and counted rather than kept without end. */
const MAX_WAITING_BYTES = 8_000_000;
/** So much at once is never mixed with what other processes write to the same pipe. */
const WHOLE_BYTES = 4_096;
/** At the end of the process, a reader that does not read is waited for so often, a tenth of a second each time. */
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
// What goes well is written many lines at a time, the rest at once; neither is waited for.
const output = pino.destination({
  dest: 1,
  sync: false,
  minLength: MIN_BYTES,
  maxLength: MAX_WAITING_BYTES,
  // Of text, it would measure all that waits with each line.
  contentMode: 'buffer',
  retryEAGAIN,
});
const errors = pino.destination({ dest: 2, sync: false, maxLength: MAX_WAITING_BYTES, retryEAGAIN });
for (const stream of [output, errors]) stream.on('drop', () => (dropped += 1));

const fine = {
  write(line: string) {
    // Its types know text only.
    output.write(Buffer.from(isJson ? line : readable(line)) as unknown as string);
    flushing ??= setTimeout(flush, FLUSH_MS).unref();
  },
};
const wrong = { write: (line: string) => errors.write(isJson ? line : readable(line)) };

export const log = pino(
  {
    base: { service: 'wallet-service' },
    timestamp: false,
    // What happened a moment ago brings a time of its own.
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

/** For processes of the service. */
export function startLog(config: { logLevel: LogLevel; production: boolean }): void {
  configureLog(config);
  logCrashes();
  if (config.production) takeOverConsole();
}

/** For several processes that write to one pipe: then no line is in the midst of another. */
export function shareOutput(): void {
  // What is written at once is whole lines; they wait for each other only while there is a write under way.
  Object.assign(output, { minLength: 0, maxWrite: WHOLE_BYTES });
  Object.assign(errors, { maxWrite: WHOLE_BYTES });
}

/** Until then, and in commands, it is text. */
export function configureLog({ logLevel, production }: { logLevel: LogLevel; production: boolean }): void {
  log.level = logLevel;
  isJson = production;
}

/** Lines that nobody read in time. */
export function droppedLines(): number {
  return dropped;
}

/** One line, without the detail of a database error: that may quote a caller's values. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const text = typeof code === 'string' ? `${code} ${error.message}` : (error.stack ?? error.message);
  return text.replaceAll(/\s*\n\s*/g, ' | ');
}

/** What would end the process is a line like the others; Node itself would show all that the error holds. */
export function logCrashes(): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ error: describeError(error) }, 'crashed');
    process.exit(1);
  });
}

/** Libraries print for developers: whole requests, too. Of that only the words that they themselves chose are kept. */
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

/** As it is where it could not be mistaken. */
function plain(value: unknown): string {
  return typeof value === 'string' && /^[\w:./ -]+$/.test(value) ? value : JSON.stringify(value);
}
