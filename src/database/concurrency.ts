/** How many at a time may do one kind of work: the others wait in turn, some of them and for some time, and are then refused. */
export interface LaneOptions {
  /** Who is refused, in the words of the answer. */
  name: string;
  /** At a time. */
  width: number;
  /** Beyond those, so many wait. */
  maxWaiting: number;
  waitMs: number;
}

/** The same call may be sent again; errors.ts knows the code. */
export class LaneFull extends Error {
  override name = 'LaneFull';
  readonly code = 'LANE_FULL';

  constructor(lane: string) {
    super(`retry: too many ${lane} at a time`);
  }
}

interface Waiting {
  enter: () => void;
  timer: NodeJS.Timeout;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting = new Set<Waiting>();
  #inside = 0;

  constructor(options: LaneOptions) {
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
    const { name, width, maxWaiting, waitMs } = this.#options;
    if (this.#inside < width) {
      this.#inside += 1;
      return undefined;
    }
    if (this.#waiting.size >= maxWaiting) throw new LaneFull(name);
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const waiting = {
      enter: () => resolve(undefined),
      timer: setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(new LaneFull(name));
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
