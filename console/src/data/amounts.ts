/** Amounts are whole minor units, however large: they are shown and read digit by digit, never as a float. */

export interface Asset {
  code: string;
  scale: number;
}

/** In minor units. */
export interface Bounds {
  least: bigint;
  most: bigint;
}

const OF_BOOKINGS: Bounds = { least: 1n, most: 10n ** 15n };
export const OF_LIMITS: Bounds = { least: 0n, most: 9n * 10n ** 18n };

/** 12345 with a scale of 2 is 123.45, grouped as the reader writes numbers. */
export function formatAmount(units: string | bigint, scale: number, locale?: string): string {
  const text = decimalOf(BigInt(units), scale);
  const format = new Intl.NumberFormat(locale, { minimumFractionDigits: scale, maximumFractionDigits: scale });
  // A text of digits is formatted exactly.
  return format.format(text as `${number}`);
}

export function decimalOf(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const sign = units < 0n ? '-' : '';
  return scale === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-scale)}`;
}

/**
 * What somebody typed, in minor units; or why it is no amount. A point or the reader's own sign stands before the fraction. Signs between
 * thousands are refused: elsewhere they stand before a fraction.
 */
export function parseAmount(
  typed: string,
  { code, scale }: Asset,
  { locale, bounds: { least, most } = OF_BOOKINGS }: { locale?: string | undefined; bounds?: Bounds | undefined } = {},
): bigint | string {
  const text = typed
    .trim()
    .replaceAll(/[\s’']/g, '')
    .replace(decimalSign(locale), '.');
  if (text === '') return 'Say how much.';
  const [, whole = '', fraction = ''] = /^(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole === '') return 'Write the amount in digits.';
  if (fraction.length > scale) {
    return scale === 0 ? `${code} has no fractions.` : `${code} has ${scale} digits after the point.`;
  }
  const units = BigInt(whole + fraction.padEnd(scale, '0'));
  if (units < least) return 'More than nothing.';
  return units > most ? `At most ${formatAmount(most, scale, locale)}.` : units;
}

function decimalSign(locale?: string): string {
  const parts = new Intl.NumberFormat(locale).formatToParts(0.5);
  return parts.find(({ type }) => type === 'decimal')?.value ?? '.';
}
