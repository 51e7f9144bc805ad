/** Says why calls were answered RETRY: the first for a reason at once, then how many more there were, once in a while. */
import { describeError, log } from './log.ts';

export interface RetryLogOptions {
  everyMs?: number;
  /** Does it after so many milliseconds. */
  later?: (ms: number, work: () => void) => void;
  write?: (fields: RetryLine) => void;
}

export interface RetryLine {
  /** What the callers got. */
  answer: string;
  /** The latest error behind it. */
  error: string;
  /** How many calls this line is about. */
  calls: number;
}

const EVERY_MS = 10_000;

export class RetryLog {
  readonly #everyMs: number;
  readonly #later: (ms: number, work: () => void) => void;
  readonly #write: (fields: RetryLine) => void;
  /** By answer, of which there are few: what came since its last line. */
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

/** A code, or the words alone: where in the code it happened says nothing here. */
function reasonOf(cause: Error): string {
  const { code, message } = cause as { code?: unknown; message: string };
  return typeof code === 'string' ? describeError(cause) : message;
}
