import { WakeUps, ALL_EVERY_MS, EVERY_MS, AT_ONCE, type Waiting } from './wake_ups.ts';

class One implements Waiting {
  wakes = 0;
  wake(): void {
    this.wakes += 1;
  }
}

/** A clock that the test moves. */
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
  const wakeUps = new WakeUps(() => all, clock.later);
  const wakes = () => all.reduce((sum, one) => sum + one.wakes, 0);
  return { clock, all, wakeUps, wakes };
}

describe('waking subscribers', () => {
  it('wakes a notified subscriber once, however many notifications come together', () => {
    const { clock, all, wakeUps } = setUp(3);

    for (let nth = 0; nth < 1000; nth += 1) wakeUps.wake(all.slice(0, 2));
    clock.pass(0);

    expect(all.map(({ wakes }) => wakes)).toEqual([1, 1, 0]);
  });

  it('wakes again after a later notification, so that none is lost', () => {
    const { clock, all, wakeUps } = setUp(1);
    wakeUps.wake(all);
    clock.pass(0);
    wakeUps.wake(all);
    wakeUps.wake(all);

    clock.pass(EVERY_MS - 1);
    expect(all[0]?.wakes).toBe(1);
    clock.pass(1);
    expect(all[0]?.wakes).toBe(2);
    clock.pass(100 * EVERY_MS);
    expect(all[0]?.wakes).toBe(2);
  });

  it('wakes a number at a time, in turn, however long a flood lasts', () => {
    const { clock, all, wakeUps, wakes } = setUp(4 * AT_ONCE);
    const rounds = 40;

    for (let nth = 0; nth < rounds; nth += 1) {
      for (const one of all) wakeUps.wake([one]);
      clock.pass(EVERY_MS);
    }

    expect(wakes()).toBeLessThanOrEqual((rounds + 1) * AT_ONCE);
    expect(Math.min(...all.map((one) => one.wakes))).toBeGreaterThanOrEqual(rounds / 4 - 1);
  });

  it('wakes all at once, and again only after a while, but certainly then', () => {
    const { clock, wakeUps, wakes } = setUp(AT_ONCE);

    wakeUps.wakeAll();
    clock.pass(0);
    expect(wakes()).toBe(AT_ONCE);

    for (let nth = 0; nth < 100_000; nth += 1) wakeUps.wakeAll();
    clock.pass(ALL_EVERY_MS - 1);
    expect(wakes()).toBe(AT_ONCE);
    clock.pass(1);
    expect(wakes()).toBe(2 * AT_ONCE);
    clock.pass(10 * ALL_EVERY_MS);
    expect(wakes()).toBe(2 * AT_ONCE);
  });

  it('does not wake a subscriber that has left', () => {
    const { clock, all, wakeUps, wakes } = setUp(2);

    wakeUps.wake(all);
    for (const one of all) wakeUps.forget(one);
    clock.pass(EVERY_MS);

    expect(wakes()).toBe(0);
  });
});
