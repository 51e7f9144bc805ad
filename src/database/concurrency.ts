/** Limits how much work of one kind runs at a time. Further work waits in order; when too much waits, or for too long, it is refused. */
export interface ConcurrencyOptions {
  /** What the error message names, in the plural. */
  name: string;
  max: number;
  /** How many calls may wait, besides those that run. */
  maxWaiting: number;
  waitMs: number;
}

/** A caller may retry with the same idempotency key. errors.ts translates the code. */
export class TooManyAtOnce extends Error {
  override name = 'TooManyAtOnce';
  readonly code = 'TOO_MANY_AT_ONCE';

  constructor(what: string) {
    super(`retry: too many ${what} at a time`);
  }
}

interface Waiting {
  enter: () => void;
  timer: NodeJS.Timeout;
}

export class ConcurrencyLimit {
  readonly #options: ConcurrencyOptions;
  readonly #waiting = new Set<Waiting>();
  #inside = 0;

  constructor(options: ConcurrencyOptions) {
    this.#options = options;
  }

  /** True when nothing runs, and so nothing waits. */
  get isEmpty(): boolean {
    return this.#inside === 0;
  }

  /** Runs work in the order of arrival. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #enter(): Promise<void> | undefined {
    const { name, max, maxWaiting, waitMs } = this.#options;
    if (this.#inside < max) {
      this.#inside += 1;
      return undefined;
    }
    if (this.#waiting.size >= maxWaiting) throw new TooManyAtOnce(name);
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const waiting = {
      enter: () => resolve(undefined),
      timer: setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(new TooManyAtOnce(name));
      }, waitMs),
    };
    this.#waiting.add(waiting);
    return promise;
  }

  /** The next waiting call takes over the slot: the count stays the same, so that a new call cannot overtake it. */
  #leave(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#inside -= 1;
      return;
    }
    this.#waiting.delete(next);
    clearTimeout(next.timer);
    next.enter();
  }
}
