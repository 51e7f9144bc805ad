/**
 * Reads JSON bodies. What could not be stored as it was sent is refused: it would make different requests look the same. So is
 * what would hold the process for long: the text is looked over, in one pass, before it is parsed.
 */
import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';
import { losesDigits } from '../values.ts';

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
  const text = bytes.toString();
  checkBody(text);
  // Some programs write a mark of the byte order before it.
  const body = tryParse(text.replace(/^\ufeff/, ''));
  if (typeof body !== 'object' || body === null) throw new BodyError('The request cannot be read', 'BAD_REQUEST');
  return body;
}

/** Undefined where it cannot be read. */
function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tooMany(most: number, what: string): BodyError {
  return new BodyError(`a body has at most ${most} ${what}`, 'BAD_REQUEST');
}

/** What a value, a name, a list or an object begins or ends with; of a text its first quote. */
const TOKEN = /["[\]{},]|[\d+.-][\d+.e-]*|[a-z]+/gi;
const HALF_PAIR = /\\ud[89a-f]/i;

/** Whether it is JSON at all, the parser will say. */
export function checkBody(text: string): void {
  let values = 0;
  let longNumbers = 0;
  // Of each list and object around, how many more commas it may have.
  const room: number[] = [];
  TOKEN.lastIndex = 0;
  for (let found = TOKEN.exec(text); found; found = TOKEN.exec(text)) {
    const [token] = found;
    if (token === ']' || token === '}') {
      room.pop();
      continue;
    }
    if (token === ',') {
      const left = (room.pop() ?? MAX_VALUES) - 1;
      if (left === 0) throw tooMany(MAX_FIELDS, `fields in an object, and ${MAX_ITEMS} items in a list`);
      room.push(left);
      continue;
    }
    values += 1;
    if (values > MAX_VALUES) throw tooMany(MAX_VALUES, 'values, names of fields included');
    if (token === '"') {
      TOKEN.lastIndex = endOfText(text, found.index);
      checkPairs(text.slice(found.index, TOKEN.lastIndex));
    } else if (token === '[' || token === '{') {
      room.push(token === '{' ? MAX_FIELDS : MAX_ITEMS);
      if (room.length > MAX_DEPTH) throw tooMany(MAX_DEPTH, 'lists and objects in each other');
    } else if (isLongNumber(token)) {
      longNumbers += 1;
      if (longNumbers > MAX_LONG_NUMBERS) throw tooMany(MAX_LONG_NUMBERS, 'long numbers: send them as strings');
      if (losesDigits(token)) {
        throw new BodyError(
          `invalid argument: the number ${token.slice(0, 40)} would lose digits: send it as a string`,
        );
      }
    }
  }
}

/** Behind the next quote that no backslash stands for. */
function endOfText(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text[first - 1] === '\\') first -= 1;
    if ((quote - first) % 2 === 0) return quote + 1;
  }
  return text.length;
}

/** What is written with other than hexadecimal digits, the parser will refuse. */
function checkPairs(quoted: string): void {
  if (!HALF_PAIR.test(quoted)) return;
  const value = tryParse(quoted);
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw new BodyError('invalid argument: a text holds half a surrogate pair');
  }
}

function isLongNumber(token: string): boolean {
  return /^[^a-z]/i.test(token) && (token.length > SAFE_NUMBER_LENGTH || /e/i.test(token));
}
