/** Amounts are read and written digit by digit. */
import fc from 'fast-check';
import { decimalOf, formatAmount, parseAmount } from '../src/data/amounts.ts';

describe('amounts of the console', () => {
  it.each([
    ['9007199254740993', 0, '9,007,199,254,740,993'],
    ['9000000000000000000', 2, '90,000,000,000,000,000.00'],
    ['1', 18, '0.000000000000000001'],
    ['-5', 2, '-0.05'],
    ['0', 2, '0.00'],
  ])('%s with %i digits is written %s', (units, scale, text) => {
    expect(formatAmount(units, scale, 'en-GB')).toBe(text);
  });

  it('are written exactly, whatever they are and whatever the reader writes', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        fc.integer({ min: 0, max: 18 }),
        fc.constantFrom('en-GB', 'de-DE', 'fr-FR', 'de-CH', 'hi-IN'),
        (units, scale, locale) => {
          const digits = formatAmount(units, scale, locale).replaceAll(/\D/g, '');
          expect(BigInt(digits)).toBe(units < 0n ? -units : units);
        },
      ),
    );
  });

  it('are read as they are written', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 10n ** 15n), fc.integer({ min: 0, max: 12 }), (units, scale) => {
        expect(parseAmount(decimalOf(units, scale), { code: 'GOLD', scale }, { locale: 'en-GB' })).toBe(units);
      }),
    );
  });

  it.each([
    ['49.9', 'en-GB', 4990n],
    ['49,9', 'de-DE', 4990n],
    ['49.9', 'de-DE', 4990n],
    [' 1 250.50 ', 'en-GB', 125050n],
    ['7.', 'en-GB', 700n],
  ])('%j is read as %s means it', (typed, locale, units) => {
    expect(parseAmount(typed, { code: 'GOLD', scale: 2 }, { locale })).toBe(units);
  });

  it.each([
    ['', 'Say how much.'],
    ['0', 'More than nothing.'],
    ['-5', 'Write the amount in digits.'],
    ['1e3', 'Write the amount in digits.'],
    // In one country a thousand and more, in another a little more than one.
    ['1,250', 'Write the amount in digits.'],
    ['1,250.50', 'Write the amount in digits.'],
    ['0.001', 'GOLD has 2 digits after the point.'],
    ['99999999999999.99', /^At most /],
  ])('%j is no amount, and is told why', (typed, why) => {
    expect(parseAmount(typed, { code: 'GOLD', scale: 2 }, { locale: 'en-GB' })).toEqual(
      typeof why === 'string' ? why : expect.stringMatching(why),
    );
  });
});
