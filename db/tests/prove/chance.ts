/** Choices that a seed repeats. What happens at the same time is the machine's choice all the same. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

export class Chance {
  readonly #generator: RandomGenerator;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** Both bounds included. */
  int(min: number, max: number): number {
    return uniformInt(this.#generator, min, max);
  }

  happens(percent: number): boolean {
    return this.int(1, 100) <= percent;
  }

  pick<T>(list: readonly T[]): T {
    const chosen = list[this.int(0, list.length - 1)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  }

  /** The name of one of the weights. */
  weighted<K extends string>(weights: Record<K, number>): K {
    const entries = Object.entries(weights) as [K, number][];
    let place = this.int(
      1,
      entries.reduce((sum, [, weight]) => sum + weight, 0),
    );
    const chosen = entries.find(([, weight]) => (place -= weight) <= 0);
    if (!chosen) throw new Error('nothing to choose from');
    return chosen[0];
  }

  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    return list.flatMap(() => rest.splice(this.int(0, rest.length - 1), 1));
  }

  /** For somebody else's choices, which then do not depend on when he makes them. */
  fork(): Chance {
    return new Chance(this.int(1, 2 ** 31 - 1));
  }
}
