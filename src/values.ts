/** Values as callers write them. */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** To compare a number that is longer takes long. */
const MAX_NUMBER_LENGTH = 40;

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** Whether a number, as it is written, is another one in JavaScript. One that is very long counts as such: to compare it takes long. */
export function losesDigits(source: string): boolean {
  return source.length > MAX_NUMBER_LENGTH || decimal(source) !== decimal(String(Number(source)));
}

/** A number's digits and exponent, however it is written; of Infinity, what no JSON number has. */
function decimal(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return whole === '' ? text : '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
