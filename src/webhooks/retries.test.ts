import { askedPause, pauseAfter } from './retries.ts';

const HOUR = 3_600_000;

describe('the pause after an attempt', () => {
  it('grows up to two hours, with some fifteen attempts in a day', () => {
    const pauses = Array.from({ length: 40 }, (_, index) => pauseAfter(index + 1, 5_000, 0.5));
    let [tries, passed] = [1, 0];
    for (const pause of pauses) if ((passed += pause) < 24 * HOUR) tries += 1;

    expect(pauses.slice(0, 4)).toEqual([5_000, 15_000, 45_000, 135_000]);
    expect(pauses.at(-1)).toBe(2 * HOUR);
    expect(tries).toBeGreaterThan(12);
    expect(tries).toBeLessThan(20);
  });

  it('varies randomly by up to a tenth', () => {
    expect([0, 0.5, 1].map((chance) => pauseAfter(1, 1_000, chance))).toEqual([900, 1_000, 1_100]);
  });

  it.each([
    ['30', 30_000],
    ['0', 0],
    [' 7 ', 7_000],
    ['999999', HOUR],
    ['Wed, 21 Oct 2026 07:28:10 GMT', 10_000],
    ['Wed, 21 Oct 2026 07:27:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    [undefined, undefined],
  ])('that a receiver asks for with %j is %j ms', (value, ms) => {
    expect(askedPause(value, Date.parse('2026-10-21T07:28:00Z'))).toBe(ms);
  });
});
