/** Reads JSON bodies, and refuses what could not be stored as it was sent: it would make different requests look the same. */
import express, { type RequestHandler } from 'express';

export class BodyError extends Error {
  override name = 'BodyError';
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

export function jsonBody(limit: number): RequestHandler {
  // The type knows only two of the reviver's arguments.
  return express.json({ limit, type: 'application/json', reviver: asSent as (key: string, value: unknown) => unknown });
}

const asSent: Reviver = (key, value, { source }) => {
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) {
    throw new BodyError('invalid argument: a text holds half a surrogate pair');
  }
  if (typeof value === 'number' && source !== undefined && losesDigits(source)) {
    throw new BodyError(`invalid argument: the number ${source.slice(0, 40)} would lose digits: send it as a string`);
  }
  return value;
};

/** Whether a number, as it is written, is another one in JavaScript. */
export function losesDigits(source: string): boolean {
  return decimal(source) !== decimal(String(Number(source)));
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
