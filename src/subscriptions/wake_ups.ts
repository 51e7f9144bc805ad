/** Limits how fast notifications cause queries: any login of the database can notify, and each event of a subscription is a query. */

export interface Waiting {
  wake(): void;
}

/** Calls `call` once after `ms` milliseconds. */
export type Later = (call: () => void, ms: number) => unknown;

export const EVERY_MS = 100;
export const AT_ONCE = 25;
/** The poller notifies all subscribers when it starts, which is rare. */
export const ALL_EVERY_MS = 5_000;

const afterwards: Later = (call, ms) => setTimeout(call, ms).unref();

/** Wakes at most AT_ONCE subscribers per interval, in order of arrival, each once: no change is missed, and a flood is slowed down. */
export class WakeUps {
  readonly #all: () => Iterable<Waiting>;
  readonly #later: Later;
  readonly #waiting = new Set<Waiting>();
  #isRunning = false;
  #isAllPaused = false;
  #isAllDue = false;

  constructor(all: () => Iterable<Waiting>, later: Later = afterwards) {
    this.#all = all;
    this.#later = later;
  }

  wake(some: Iterable<Waiting>): void {
    for (const each of some) this.#waiting.add(each);
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Collects notifications that arrive together, so that each subscriber wakes once.
    this.#later(() => this.#wakeNext(), 0);
  }

  wakeAll(): void {
    this.#isAllDue = true;
    if (this.#isAllPaused) return;
    this.#isAllDue = false;
    this.#isAllPaused = true;
    this.#later(() => {
      this.#isAllPaused = false;
      if (this.#isAllDue) this.wakeAll();
    }, ALL_EVERY_MS);
    this.wake(this.#all());
  }

  forget(one: Waiting): void {
    this.#waiting.delete(one);
  }

  #wakeNext(): void {
    this.#isRunning = this.#waiting.size > 0;
    if (!this.#isRunning) return;
    for (const each of [...this.#waiting].slice(0, AT_ONCE)) {
      this.#waiting.delete(each);
      each.wake();
    }
    this.#later(() => this.#wakeNext(), EVERY_MS);
  }
}
