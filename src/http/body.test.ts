import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import express, { type ErrorRequestHandler } from 'express';
import { losesDigits } from '../values.ts';
import { BodyError, checkBody, jsonBody } from './body.ts';

const MEGABYTES = 10_000_000;
const SIZE = 9_900_000;
const HEADERS = { 'Content-Type': 'application/json' };

let server: Server;
beforeAll(async () => {
  const app = express();
  app.use(jsonBody(MEGABYTES), (req, res) => {
    res.json(summary(req.body));
  });
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  const told: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
    res
      .status(400)
      .json(
        error instanceof BodyError ? [error.code, error.message] : [(error as Error).name, (error as Error).message],
      );
  };
  app.use(told);
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** Of what was read: enough to tell it by. */
function summary(body: unknown): unknown {
  return body === undefined ? 'no body' : { type: typeof body, length: JSON.stringify(body).length };
}

async function send(body: string | Buffer, headers: Record<string, string> = HEADERS): Promise<[number, unknown]> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return [response.status, await response.json()];
}

const list = (count: number, item: string): string => `[${Array<string>(count).fill(item).join(',')}]`;
const object = (count: number): string => `{${Array.from({ length: count }, (_, nth) => `"k${nth}":1`).join(',')}}`;

/** A batch of ten thousand, each with some facts in its metadata. */
function batch(facts: number): string {
  const metadata = Object.fromEntries(Array.from({ length: facts }, (_, nth) => [`fact${nth}`, `value ${nth}`]));
  const item = {
    kind: 'top_up',
    walletId: '',
    counterpartyId: null,
    amount: '1',
    idemKey: 'k',
    expiresAt: null,
    metadata,
  };
  return JSON.stringify({ query: '', variables: { input: { requests: Array(10_000).fill(item) } } });
}

describe('a body', () => {
  it.each([
    ['a batch of ten thousand with five facts each', batch(5)],
    ['a text of ten megabytes', `{"a":"${'x'.repeat(SIZE)}"}`],
    ['a text of ten megabytes, each character escaped', `{"a":"${'\\u0041'.repeat(SIZE / 6)}"}`],
    ['a pair of surrogates, escaped', '{"a":"\\ud83c\\udfa9 \\\\ud800 \\" 🎩"}'],
    ['white space of ten megabytes', `{${' '.repeat(SIZE)}}`],
    ['300,000 values, which is as many as there may be', list(17, list(17_646, '1'))],
    ['20,000 items in one list', list(20_000, '{}')],
    ['2000 fields in one object', object(2000)],
    ['lists 200 deep', `${'['.repeat(200)}${']'.repeat(200)}`],
    ['10,000 numbers of sixteen digits', list(10_000, '1234567890123456')],
    ['brackets, commas and digits within a text', JSON.stringify({ a: `${'[{,1e400'.repeat(1000)}"` })],
    ['a byte order mark before it', '\ufeff{"a":1}'],
  ])('is read unchanged if it has %s', async (_what, body) => {
    expect(await send(body)).toEqual([200, summary(JSON.parse(body.replace('\ufeff', '')))]);
  });

  it.each([
    ['ten megabytes of numbers', list(SIZE / 2, '1'), 'at most 2000 fields in an object, and 20000 items in a list'],
    [
      'ten megabytes of lists of numbers',
      list(SIZE / 2000, list(999, '1')),
      'at most 300000 values, names of fields included',
    ],
    [
      '300,001 values',
      list(17, list(17_646, '1')).replace('1', '1,1'),
      'at most 300000 values, names of fields included',
    ],
    [
      '20,001 items in one list',
      `{"a":${list(20_001, '{}')}}`,
      'at most 2000 fields in an object, and 20000 items in a list',
    ],
    ['ten megabytes of empty objects', list(SIZE / 3, '{}'), 'at most 2000 fields'],
    ['ten megabytes of empty texts', list(SIZE / 3, '""'), 'at most 2000 fields'],
    ['ten megabytes of nulls', list(SIZE / 5, 'null'), 'at most 2000 fields'],
    ['an object of 2001 fields', object(2001), 'at most 2000 fields in an object'],
    ['an object of 2001 fields in a list', `[1,${object(2001)}]`, 'at most 2000 fields in an object'],
    ['lists 201 deep', `${'['.repeat(201)}${']'.repeat(201)}`, 'at most 200 lists and objects in each other'],
    ['ten megabytes of brackets', '['.repeat(SIZE), 'at most 200 lists and objects in each other'],
    ['ten megabytes of objects in each other', '{"a":'.repeat(SIZE / 5), 'at most 200 lists and objects'],
    ['10,001 long numbers', list(10_001, '1234567890123456'), 'at most 10000 long numbers: send them as strings'],
    ['10,001 exponents', list(10_001, '1e5'), 'at most 10000 long numbers'],
  ])('is refused before it is parsed if it has %s', async (_what, body, message) => {
    expect(await send(body)).toEqual([400, ['BAD_REQUEST', expect.stringContaining(`a body has ${message}`)]]);
  });

  it.each([
    ['a number that loses digits', '{"a":12345678901234567}', 'the number 12345678901234567 would lose digits'],
    ['a number that is none any more', '[1e400]', 'the number 1e400 would lose digits'],
    ['a number of ten megabytes', `[1${'0'.repeat(SIZE)}1]`, 'the number 1000000000'],
    ['half a surrogate pair', '{"a":"\\ud83c"}', 'a text holds half a surrogate pair'],
    ['the other half', '["\\udfa9"]', 'a text holds half a surrogate pair'],
    ['two first halves', '["\\ud83c\\ud83c"]', 'a text holds half a surrogate pair'],
    ['half a pair in the name of a field', '{"\\uD83C":1}', 'a text holds half a surrogate pair'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'a text is not UTF-8'],
    ['an encoded half of a pair', Buffer.from([0x5b, 0x22, 0xed, 0xa0, 0xbc, 0x22, 0x5d]), 'a text is not UTF-8'],
  ])('is refused by name if it has %s', async (_what, body, message) => {
    expect(await send(body)).toEqual([
      400,
      ['INVALID_ARGUMENT', expect.stringContaining(`invalid argument: ${message}`)],
    ]);
  });

  it.each([
    ['a text of ten megabytes', `"${'x'.repeat(SIZE)}"`],
    ['garbage of ten megabytes', 'x'.repeat(SIZE)],
    ['signs of ten megabytes', ':'.repeat(SIZE)],
    ['a text without end', '{"a":"\\'],
    ['half an escape', '{"a":"\\u00"}'],
    ['an escape that is none', '{"a":"\\ud8zz"}'],
    ['a number', '1'],
    ['nothing', ''],
  ])('is refused if it is %s', async (_what, body) => {
    const [status, answer] = await send(body);

    expect([status, JSON.stringify(answer)]).toEqual([400, expect.stringMatching(/BAD_REQUEST|half a surrogate/)]);
  });

  it('is measured when it is unpacked', async () => {
    const headers = { ...HEADERS, 'Content-Encoding': 'gzip' };

    expect(await send(gzipSync(list(SIZE / 2, '1')), headers)).toEqual([
      400,
      ['BAD_REQUEST', expect.stringContaining('20000 items in a list')],
    ]);
    expect(await send(gzipSync(`"${'x'.repeat(2 * SIZE)}"`), headers)).toEqual([
      400,
      ['PayloadTooLargeError', 'request entity too large'],
    ]);
  });

  it.each([
    ['utf-8', [200, { type: 'object', length: 2 }]],
    ['"UTF-8"; profile=x', [200, { type: 'object', length: 2 }]],
    ['utf-16', [400, ['BAD_REQUEST', 'JSON is written in UTF-8']]],
    ['iso-8859-1', [400, ['BAD_REQUEST', 'JSON is written in UTF-8']]],
  ])('in the character set %s is answered %j', async (charset, answer) => {
    expect(await send('{}', { 'Content-Type': `application/json; charset=${charset}` })).toEqual(answer);
  });

  it('of another type is left to others', async () => {
    expect(await send('[1]', { 'Content-Type': 'text/plain' })).toEqual([200, 'no body']);
  });
});

describe('checkBody', () => {
  it.each(['0', '-0', '1.5', '0.1', '9007199254740991', '1e5', '1.25E-7', '123456789012345', '0.123456789012345'])(
    'lets the number %s pass, which stays the same',
    (number) => {
      expect(() => checkBody(`[${number}]`)).not.toThrow();
      expect(losesDigits(number)).toBe(false);
    },
  );

  it.each(['9007199254740993', '0.1234567890123456789', '1e-400', '1.7976931348623159e308'])(
    'refuses the number %s, which becomes another one',
    (number) => {
      expect(() => checkBody(`{"a":${number}}`)).toThrow(/would lose digits/);
    },
  );
});
