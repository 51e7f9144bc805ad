/** How fast notifications cause work: any login of the database may notify, and each event of a subscription is a query. */

/** Whoever waits for a change. */
export interface Ringable {
  ring(): void;
}

/** Calls back, once, so many milliseconds later. */
export type Later = (call: () => void, ms: number) => unknown;

export const PACE_MS = 100;
export const RINGS_AT_ONCE = 25;
/** Everybody is told to look where a poller starts, which is rare. */
export const EVERYBODY_EVERY_MS = 5_000;

const afterwards: Later = (call, ms) => setTimeout(call, ms).unref();

/** Rings so many at a time, each of them once, in the order in which they came: nothing is lost, and a flood is slow. */
export class Bell {
  readonly #everybody: () => Iterable<Ringable>;
  readonly #later: Later;
  readonly #waiting = new Set<Ringable>();
  #isRinging = false;
  #isEverybodyPaused = false;
  #isEverybodyDue = false;

  constructor(everybody: () => Iterable<Ringable>, later: Later = afterwards) {
    this.#everybody = everybody;
    this.#later = later;
  }

  ring(some: Iterable<Ringable>): void {
    for (const each of some) this.#waiting.add(each);
    if (this.#isRinging) return;
    this.#isRinging = true;
    // Many notifications come at once: they are rung together.
    this.#later(() => this.#ringNext(), 0);
  }

  ringEverybody(): void {
    this.#isEverybodyDue = true;
    if (this.#isEverybodyPaused) return;
    this.#isEverybodyDue = false;
    this.#isEverybodyPaused = true;
    this.#later(() => {
      this.#isEverybodyPaused = false;
      if (this.#isEverybodyDue) this.ringEverybody();
    }, EVERYBODY_EVERY_MS);
    this.ring(this.#everybody());
  }

  /** Who no longer waits. */
  forget(one: Ringable): void {
    this.#waiting.delete(one);
  }

  #ringNext(): void {
    this.#isRinging = this.#waiting.size > 0;
    if (!this.#isRinging) return;
    for (const each of [...this.#waiting].slice(0, RINGS_AT_ONCE)) {
      this.#waiting.delete(each);
      each.ring();
    }
    this.#later(() => this.#ringNext(), PACE_MS);
  }
}
