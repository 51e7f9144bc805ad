/**
 * Reads JSON bodies. What could not be stored as it was sent is refused: it would make different requests look the same. So is
 * what would hold the process for long: the bytes are looked over, in one pass, before they are parsed.
 */
import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';

export class BodyError extends Error {
  override name = 'BodyError';
  readonly code: 'INVALID_ARGUMENT' | 'BAD_REQUEST';

  constructor(message: string, code: BodyError['code'] = 'INVALID_ARGUMENT') {
    super(message);
    this.code = code;
  }
}

/**
 * Texts, numbers, words, lists, objects and names of fields: so many are parsed in some tens of milliseconds. A batch of ten
 * thousand requests has 150,000 of them, and room for a few facts in the metadata of each.
 */
const MAX_VALUES = 300_000;
/** More than metadata can have. An object with very many costs more for each. */
const MAX_FIELDS = 2000;
/** Twice a batch: of one that is only too large, the ledger says so itself. */
const MAX_ITEMS = 20_000;
/** Lists and objects in each other, as in documents. */
const MAX_DEPTH = 200;
/** With so many characters and no exponent, a number is the same in JavaScript. Others are tried, some microseconds each. */
const SAFE_NUMBER_LENGTH = 15;
const MAX_LONG_NUMBERS = 10_000;
const MAX_NUMBER_LENGTH = 40;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

/** Of requests of another type nothing is read here. */
export function jsonBody(limit: number): RequestHandler {
  const read: RequestHandler = express.raw({ limit, type: 'application/json' });
  return (req, res, next) => {
    const parse = (error?: unknown): void => {
      const bytes: unknown = req.body;
      if (error !== undefined || !Buffer.isBuffer(bytes)) {
        next(error);
        return;
      }
      try {
        req.body = parseBody(bytes, req.headers['content-type'] ?? '');
      } catch (refusal) {
        next(refusal);
        return;
      }
      next();
    };
    read(req, res, parse);
  };
}

function parseBody(bytes: Buffer, contentType: string): object {
  const charset = CHARSET.exec(contentType)?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) throw new BodyError('JSON is written in UTF-8', 'BAD_REQUEST');
  if (!isUtf8(bytes)) throw new BodyError('invalid argument: a text is not UTF-8');
  checkBody(bytes);
  const body = parse(bytes.toString());
  if (typeof body !== 'object' || body === null) throw unreadable();
  return body;
}

function parse(text: string): unknown {
  try {
    // Some programs write a mark of the byte order before it.
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    throw unreadable();
  }
}

function unreadable(): BodyError {
  return new BodyError('The request cannot be read', 'BAD_REQUEST');
}

function tooMany(most: number, what: string): BodyError {
  return new BodyError(`a body has at most ${most} ${what}`, 'BAD_REQUEST');
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

const OTHER = 0;
const TEXT = 1;
const NUMBER = 2;
const WORD = 3;
const LIST = 4;
const OBJECT = 5;
const COMMA = 6;
const CLOSING = 7;

/** What begins, goes on or ends with each byte. */
const KINDS = new Uint8Array(256);
for (const [kind, characters] of [
  [TEXT, '"'],
  [NUMBER, '0123456789+-.'],
  [WORD, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'],
  [LIST, '['],
  [OBJECT, '{'],
  [COMMA, ','],
  [CLOSING, ']}'],
] as const) {
  for (const byte of Buffer.from(characters)) KINDS[byte] = kind;
}

/** Whether it is JSON at all, the parser will say. */
export function checkBody(bytes: Uint8Array): void {
  let values = 0;
  let longNumbers = 0;
  // Of each list and object around, how many more commas it may have.
  const room: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const from = at;
    const kind = KINDS[bytes[at] ?? 0] ?? OTHER;
    at += 1;
    if (kind === OTHER) continue;
    if (kind === CLOSING) room.pop();
    else if (kind === COMMA) {
      const left = (room.pop() ?? MAX_VALUES) - 1;
      if (left === 0) throw tooMany(MAX_FIELDS, `fields in an object, and ${MAX_ITEMS} items in a list`);
      room.push(left);
    } else {
      values += 1;
      if (values > MAX_VALUES) throw tooMany(MAX_VALUES, 'values, names of fields included');
      if (kind === TEXT) at = endOfText(bytes, at);
      else if (kind === WORD) at = endOfWord(bytes, at);
      else if (kind === NUMBER) {
        at = endOfNumber(bytes, at);
        if (isShort(bytes, from, at)) continue;
        longNumbers += 1;
        if (longNumbers > MAX_LONG_NUMBERS) throw tooMany(MAX_LONG_NUMBERS, 'long numbers: send them as strings');
        checkNumber(bytes, from, at);
      } else if (room.push(kind === OBJECT ? MAX_FIELDS : MAX_ITEMS) > MAX_DEPTH) {
        throw tooMany(MAX_DEPTH, 'lists and objects in each other');
      }
    }
  }
}

/** Where the text ends whose first character is at `at`. */
function endOfText(bytes: Uint8Array, at: number): number {
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) at += 1;
    else if (bytes[at + 1] === LETTER_U) at = endOfEscape(bytes, at);
    else at += 2;
  }
  return at;
}

/** Where the character ends that is written as `\uXXXX`, or as a pair of those. */
function endOfEscape(bytes: Uint8Array, at: number): number {
  const unit = unitAt(bytes, at);
  if (unit < 0xd800 || unit > 0xdfff) return at + 6;
  const isPair = unit < 0xdc00 && bytes[at + 6] === BACKSLASH && bytes[at + 7] === LETTER_U;
  const second = isPair ? unitAt(bytes, at + 6) : 0;
  if (second < 0xdc00 || second > 0xdfff) throw new BodyError('invalid argument: a text holds half a surrogate pair');
  return at + 12;
}

/** What is written with other than hexadecimal digits, the parser will refuse. */
function unitAt(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let index = at + 2; index < at + 6; index += 1) {
    const byte = bytes[index] ?? 0;
    // The letters A to F are 0x41 to 0x46, a to f 0x61 to 0x66.
    unit = unit * 16 + (byte & 0x0f) + (byte & 0x40 ? 9 : 0);
  }
  return unit;
}

function endOfWord(bytes: Uint8Array, at: number): number {
  while (KINDS[bytes[at] ?? 0] === WORD) at += 1;
  return at;
}

function endOfNumber(bytes: Uint8Array, at: number): number {
  while (KINDS[bytes[at] ?? 0] === NUMBER || isExponent(bytes[at])) at += 1;
  return at;
}

function isExponent(byte: number | undefined): boolean {
  return byte === 0x65 || byte === 0x45;
}

function isShort(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > SAFE_NUMBER_LENGTH) return false;
  for (let at = from; at < to; at += 1) if (isExponent(bytes[at])) return false;
  return true;
}

function checkNumber(bytes: Uint8Array, from: number, to: number): void {
  const source = String.fromCharCode(...bytes.subarray(from, Math.min(to, from + MAX_NUMBER_LENGTH + 1)));
  if (!losesDigits(source)) return;
  throw new BodyError(`invalid argument: the number ${source.slice(0, 40)} would lose digits: send it as a string`);
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
