/** Logs why calls were answered with RETRY: the first call with a given answer at once, further ones as a count at an interval. */
import { describeError, log } from './log.ts';

export interface RetryLogOptions {
  everyMs?: number;
  /** Runs `work` after `ms` milliseconds. */
  later?: (ms: number, work: () => void) => void;
  write?: (fields: RetryLine) => void;
}

export interface RetryLine {
  /** The message that the callers received. */
  answer: string;
  error: string;
  /** How many calls the line counts. */
  calls: number;
}

const EVERY_MS = 10_000;

export class RetryLog {
  readonly #everyMs: number;
  readonly #later: (ms: number, work: () => void) => void;
  readonly #write: (fields: RetryLine) => void;
  /** By answer: the calls since its last line. */
  readonly #since = new Map<string, RetryLine>();

  constructor({ everyMs = EVERY_MS, later = setTimer, write = warn }: RetryLogOptions = {}) {
    this.#everyMs = everyMs;
    this.#later = later;
    this.#write = write;
  }

  note(answer: string, cause: Error): void {
    const since = this.#since.get(answer);
    if (since) {
      since.calls += 1;
      since.error = reasonOf(cause);
      return;
    }
    this.#write({ answer, error: reasonOf(cause), calls: 1 });
    this.#begin(answer);
  }

  #begin(answer: string): void {
    this.#since.set(answer, { answer, error: '', calls: 0 });
    this.#later(this.#everyMs, () => {
      const since = this.#since.get(answer);
      this.#since.delete(answer);
      if (!since?.calls) return;
      this.#write(since);
      this.#begin(answer);
    });
  }
}

function setTimer(ms: number, work: () => void): void {
  setTimeout(work, ms).unref();
}

function warn(line: RetryLine): void {
  log.warn(line, 'answered RETRY');
}

/** The code and message, or the message alone: the stack is of no use here. */
function reasonOf(cause: Error): string {
  const { code, message } = cause as { code?: unknown; message: string };
  return typeof code === 'string' ? describeError(cause) : message;
}
