/** Formats of values in requests. */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Comparing a longer number takes too long. */
const MAX_NUMBER_LENGTH = 40;

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** Whether the number changes when JavaScript reads it. A very long one counts as changed, because comparing it takes too long. */
export function losesDigits(source: string): boolean {
  return source.length > MAX_NUMBER_LENGTH || decimal(source) !== decimal(String(Number(source)));
}

/** Normalises a number to its digits and exponent. Infinity becomes a text that no JSON number equals. */
function decimal(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return whole === '' ? text : '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
