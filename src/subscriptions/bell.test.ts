import { Bell, EVERYBODY_EVERY_MS, PACE_MS, RINGS_AT_ONCE, type Ringable } from './bell.ts';

class One implements Ringable {
  rings = 0;
  ring(): void {
    this.rings += 1;
  }
}

/** A clock that goes only when it is told to. */
class Clock {
  #now = 0;
  #due: { at: number; call: () => void }[] = [];

  readonly later = (call: () => void, ms: number): void => {
    this.#due.push({ at: this.#now + ms, call });
  };

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#due.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!next) break;
      this.#due.splice(this.#due.indexOf(next), 1);
      this.#now = next.at;
      next.call();
    }
    this.#now = end;
  }
}

function setUp(count: number) {
  const clock = new Clock();
  const all = Array.from({ length: count }, () => new One());
  const bell = new Bell(() => all, clock.later);
  const rings = () => all.reduce((sum, one) => sum + one.rings, 0);
  return { clock, all, bell, rings };
}

describe('a bell', () => {
  it('rings at once who is rung, however many notifications come together', () => {
    const { clock, all, bell } = setUp(3);

    for (let nth = 0; nth < 1000; nth += 1) bell.ring(all.slice(0, 2));
    clock.pass(0);

    expect(all.map(({ rings }) => rings)).toEqual([1, 1, 0]);
  });

  it('rings once more who was rung since, so that nothing is lost', () => {
    const { clock, all, bell } = setUp(1);
    bell.ring(all);
    clock.pass(0);
    bell.ring(all);
    bell.ring(all);

    clock.pass(PACE_MS - 1);
    expect(all[0]?.rings).toBe(1);
    clock.pass(1);
    expect(all[0]?.rings).toBe(2);
    clock.pass(100 * PACE_MS);
    expect(all[0]?.rings).toBe(2);
  });

  it('rings so many at a time, and each in its turn, however long a flood lasts', () => {
    const { clock, all, bell, rings } = setUp(4 * RINGS_AT_ONCE);
    const rounds = 40;

    for (let nth = 0; nth < rounds; nth += 1) {
      for (const one of all) bell.ring([one]);
      clock.pass(PACE_MS);
    }

    expect(rings()).toBeLessThanOrEqual((rounds + 1) * RINGS_AT_ONCE);
    expect(Math.min(...all.map((one) => one.rings))).toBeGreaterThanOrEqual(rounds / 4 - 1);
  });

  it('tells everybody to look at once, and again only after a while, but then certainly', () => {
    const { clock, bell, rings } = setUp(RINGS_AT_ONCE);

    bell.ringEverybody();
    clock.pass(0);
    expect(rings()).toBe(RINGS_AT_ONCE);

    for (let nth = 0; nth < 100_000; nth += 1) bell.ringEverybody();
    clock.pass(EVERYBODY_EVERY_MS - 1);
    expect(rings()).toBe(RINGS_AT_ONCE);
    clock.pass(1);
    expect(rings()).toBe(2 * RINGS_AT_ONCE);
    clock.pass(10 * EVERYBODY_EVERY_MS);
    expect(rings()).toBe(2 * RINGS_AT_ONCE);
  });

  it('does not ring who has gone', () => {
    const { clock, all, bell, rings } = setUp(2);

    bell.ring(all);
    for (const one of all) bell.forget(one);
    clock.pass(PACE_MS);

    expect(rings()).toBe(0);
  });
});
