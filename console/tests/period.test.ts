/** Months and days of the reports. */
import { dayOf, lastMonth, monthOf } from '../src/parts/period.ts';

describe('the periods of reports', () => {
  it('take the newest month that is over in UTC where months are counted in UTC, whatever month it is for the reader', () => {
    expect(lastMonth(new Date('2026-11-30T23:59:59.999Z'), true)).toBe('2026-10');
    expect(lastMonth(new Date('2026-12-01T00:00:00.000Z'), true)).toBe('2026-11');
    expect(lastMonth(new Date('2026-01-01T00:00:00.000Z'), true)).toBe('2025-12');
  });

  it.each([true, false])('take a month that has ended, and is the newest such one (UTC: %s)', (isUtc) => {
    // Each hour around the end of a month, for whatever zone this runs in.
    for (let hour = -30; hour <= 30; hour += 1) {
      const now = new Date(Date.UTC(2027, 0, 1, hour));
      const [, end] = monthOf(lastMonth(now, isUtc), isUtc);
      expect(new Date(end).getTime()).toBeLessThanOrEqual(now.getTime());
      const [, nextEnd] = monthOf(isUtc ? now.toISOString().slice(0, 7) : dayOf(now).slice(0, 7), isUtc);
      expect(new Date(nextEnd).getTime()).toBeGreaterThan(now.getTime());
    }
  });
});
