/** How many at a time may do one kind of work: the others wait in turn, some of them and for some time, and are then refused. */
export interface ConcurrencyOptions {
  /** Who is refused, in the words of the answer. */
  name: string;
  /** At a time. */
  max: number;
  /** Beyond those, so many wait. */
  maxWaiting: number;
  waitMs: number;
}

/** The same call may be sent again; errors.ts knows the code. */
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

  /** Whether nobody is inside: nobody waits then either. */
  get isEmpty(): boolean {
    return this.#inside === 0;
  }

  /** Whoever waits comes before whoever comes. */
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

  /** The place goes to the next, so that nobody can come in between. */
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
