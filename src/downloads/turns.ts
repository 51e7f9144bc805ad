/** Limits the downloads of each caller before they wait for a connection, which others need too. */
import { ConcurrencyLimit } from '../database/concurrency.ts';

/** How many downloads one caller may have waiting, besides those being sent. */
const MAX_WAITING = 10;
const WAIT_MS = 30_000;

export class Turns {
  readonly most: number;
  readonly #limits = new Map<string, ConcurrencyLimit>();

  constructor(most: number) {
    this.most = most;
  }

  /** Rejects with TooManyAtOnce if too many wait, or one waits too long. */
  async take(actor: string, work: () => Promise<void>): Promise<void> {
    const { most: max } = this;
    const limit =
      this.#limits.get(actor) ??
      new ConcurrencyLimit({ name: 'downloads', max, maxWaiting: MAX_WAITING, waitMs: WAIT_MS });
    this.#limits.set(actor, limit);
    try {
      await limit.run(work);
    } finally {
      if (limit.isEmpty) this.#limits.delete(actor);
    }
  }
}
