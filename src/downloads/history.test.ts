import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { newOwner, newWallet, rowsOf, someAsset, UNKNOWN_WALLET, writing } from '../../db/tests/helpers.ts';
import type { Identity } from '../auth.ts';
import { signToken } from '../dev/sign_token.ts';
import { createPool } from '../database/pool.ts';
import { AUTH, createGateway, type Caller } from '../testing.ts';
import { downloadsRouter } from './index.ts';

const COLUMNS =
  'seq,created_at,kind,side,amount,bonus_amount,held_amount,balance,bonus_balance,held_balance,transfer_id,counterparty,idem_key,actor,metadata';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;

const gateway = createGateway();
const { db } = gateway;
const service = gateway.as('service', 'shop');

type Line = Record<string, unknown>;

/** The rows that a download must contain, directly from the tables. */
async function expected(walletId: string): Promise<Line[]> {
  const { rows } = await db.query<Line>(
    `select e.seq::text, to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00') as created_at, e.kind::text,
       ledger.entries_side(e)::text as side,
       e.amount::text, e.bonus_amount::text, e.held_amount::text, e.balance::text, e.bonus_balance::text, e.held_balance::text,
       e.transfer_id::text,
       coalesce(nullif(e.debit, 'player')::text, nullif(e.credit, 'player')::text, o.wallet_id::text) as counterparty,
       t.idem_key, t.actor, t.metadata
     from ledger.entries e
     join ledger.entries t on t.transfer_id = e.transfer_id and t.actor is not null
     left join ledger.entries o on o.transfer_id = e.transfer_id and o.wallet_id <> e.wallet_id
     where e.wallet_id = $1 order by e.seq`,
    [walletId],
  );
  return rows;
}

async function download(caller: Caller, walletId: string, format: 'csv' | 'ndjson'): Promise<string> {
  const response = await caller.fetch(`/wallets/${walletId}/history.${format}`);
  const text = await response.text();
  expect({ status: response.status, text: response.ok ? '' : text }).toEqual({ status: 200, text: '' });
  return text;
}

async function ndjson(caller: Caller, walletId: string): Promise<Line[]> {
  const text = await download(caller, walletId, 'ndjson');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)/g)) {
    record.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ',') continue;
    records.push(record);
    record = [];
  }
  return records;
}

/** A key may not begin or end with white space. */
const keyOf = (text: string): string => (text.trim() === text ? text : `x${text}x`);
const NASTY = [
  'plain',
  'a,b',
  'say "hi"',
  '"',
  'two\nlines',
  'two\r\nlines',
  '\r',
  'tab\there',
  'Ünïcödé 🎩 שלום',
  '=1+1',
  '+1',
  '-1',
  '@SUM(1)',
  "'=1",
  '＝1+1',
  'back\\slash',
  "it's",
  '\u2028',
  'x'.repeat(200),
];

describe('a download of the history', () => {
  it('is CSV with one header line and the rows oldest first, and names house accounts', async () => {
    const asset = await someAsset(db);
    const walletId = await newWallet(db, asset, { bought: 10, bonus: 5 });
    const other = await newWallet(db, asset, { bought: 3 });
    await service.receipt('walletSpend', { walletId, amount: 7, idemKey: 'hat', metadata: { item: 'hat', n: 1 } });
    await service.receipt('walletTransfer', { fromWallet: walletId, toWallet: other, amount: 2, idemKey: 'out' });
    await service.receipt('walletTransfer', { fromWallet: other, toWallet: walletId, amount: 1, idemKey: 'in' });

    const response = await service.fetch(`/wallets/${walletId}/history.csv`);
    const text = await response.text();

    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const [header, ...lines] = text.split('\n');
    expect(header).toBe(COLUMNS);
    expect(lines.pop()).toBe('');
    const rows = await expected(walletId);
    expect(parseCsv(text).slice(1)).toEqual(
      rows.map((row) => [...Object.values(row).slice(0, -1), expect.stringMatching(/^\{.*\}$/) as string]),
    );
    expect(
      rows.map(({ kind, side, amount, balance, counterparty, idem_key, actor }) => [
        kind,
        side,
        amount,
        balance,
        counterparty,
        idem_key,
        actor,
      ]),
    ).toEqual([
      ['top_up', 'credit', '10', '10', 'treasury', expect.stringMatching(/^key-/), expect.stringMatching(/^db:/)],
      ['bonus', 'credit', '5', '15', 'promotions', expect.stringMatching(/^key-/), expect.stringMatching(/^db:/)],
      ['spend', 'debit', '7', '8', 'revenue', 'hat', 'service:shop'],
      ['transfer', 'debit', '2', '6', other, 'out', 'service:shop'],
      ['transfer', 'credit', '1', '7', other, 'in', 'service:shop'],
    ]);
    expect(parseCsv(text)[3]?.at(-1)).toBe('{"n": 1, "item": "hat"}');
    for (const [, createdAt] of parseCsv(text).slice(1)) expect(createdAt).toMatch(TIME);
  });

  it('is NDJSON with the same fields in the same order, metadata as an object', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    const metadata = { item: 'hat', nested: { list: [1, null, 'x'] } };
    await service.receipt('walletSpend', { walletId, amount: 7, idemKey: 'hat', metadata });

    const response = await service.fetch(`/wallets/${walletId}/history.ndjson`);
    const text = await response.text();

    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    expect(text.endsWith('}\n')).toBe(true);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    expect(lines).toEqual(await expected(walletId));
    expect(lines[2]).toMatchObject({ seq: '3', kind: 'spend', bonus_amount: '5', counterparty: 'revenue', metadata });
    for (const line of lines) expect(Object.keys(line).join(',')).toBe(COLUMNS);
  });

  it('quotes keys and metadata, so that they are read back unchanged', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    for (const text of NASTY) {
      await service.receipt('walletTopUp', { walletId, amount: 1, idemKey: keyOf(text), metadata: { [text]: text } });
    }

    const csv = parseCsv(await download(service, walletId, 'csv'));
    const lines = await ndjson(service, walletId);

    const [header, ...records] = csv;
    expect(header?.join(',')).toBe(COLUMNS);
    expect(records.map((record) => record.length)).toEqual(Array(NASTY.length).fill(15));
    const formula = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
    expect(records.map((record) => record[12])).toEqual(
      NASTY.map(keyOf).map((key) => (formula.test(key) ? `'${key}` : key)),
    );
    expect(records.map((record) => JSON.parse(record[14] ?? '') as unknown)).toEqual(
      NASTY.map((text) => ({ [text]: text })),
    );
    expect(lines.map(({ idem_key }) => idem_key)).toEqual(NASTY.map(keyOf));
    expect(lines.map(({ metadata }) => metadata)).toEqual(NASTY.map((text) => ({ [text]: text })));
  });

  it('loses no digit of a number', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const digits = '12345678901234567890.12345678901234567890';
    await service.post(
      `mutation { walletTopUp(input: {walletId: "${walletId}", amount: "999999999999999", idemKey: "many"}) { receipt { seq } } }`,
    );
    await db.query(`select ledger.wallet_top_up($1, 1, 'digits', $2)`, [walletId, `{"n": ${digits}}`]);

    const [csv, text] = [await download(service, walletId, 'csv'), await download(service, walletId, 'ndjson')];

    expect(parseCsv(csv).map((record) => record[7])).toEqual(['balance', '999999999999999', '1000000000000000']);
    expect(csv).toContain(digits);
    expect(text).toContain(`"metadata":{"n": ${digits}}`);
  });

  it.each(['csv', 'ndjson'] as const)('of a wallet without entries is empty (%s)', async (format) => {
    const walletId = await newWallet(db, await someAsset(db));

    expect(await download(service, walletId, format)).toBe(format === 'csv' ? `${COLUMNS}\n` : '');
  });

  it.each(['csv', 'ndjson'])('has no body for HEAD (%s)', async (format) => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1 });

    const response = await service.fetch(`/wallets/${walletId}/history.${format}`, { method: 'HEAD' });

    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('of an id in capitals is that of the same wallet', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1 });

    expect(await ndjson(service, walletId.toUpperCase())).toEqual(await expected(walletId));
  });

  it('needs a token (401), a UUID (400), and an existing wallet (404)', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1 });
    const status = async (caller: Caller, id: string) => {
      const statuses = [];
      for (const format of ['csv', 'ndjson']) {
        const response = await caller.fetch(`/wallets/${id}/history.${format}`);
        const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
        statuses.push([response.status, ...errors.map(({ extensions }) => extensions.code)]);
      }
      return statuses;
    };

    const both = (...answer: unknown[]) => [answer, answer];
    expect(await status(gateway.with(undefined), walletId)).toEqual(both(401, 'UNAUTHENTICATED'));
    expect(await status(gateway.with('x.y.z'), walletId)).toEqual(both(401, 'UNAUTHENTICATED'));
    expect(await status(gateway.with(undefined), 'xyz')).toEqual(both(401, 'UNAUTHENTICATED'));
    expect(await status(service, 'xyz')).toEqual(both(400, 'INVALID_ARGUMENT'));
    expect(await status(service, walletId.replaceAll('-', ''))).toEqual(both(400, 'INVALID_ARGUMENT'));
    expect(await status(service, encodeURIComponent(`${walletId}' or true --`))).toEqual(both(400, 'INVALID_ARGUMENT'));
    expect(await status(service, UNKNOWN_WALLET)).toEqual(both(404, 'WALLET_NOT_FOUND'));
    expect(await status(gateway.as('player', 'somebody'), walletId)).toEqual(both(404, 'WALLET_NOT_FOUND'));
  });

  it("gives a player their own wallet, without the sender's side of a transfer received", async () => {
    const asset = await someAsset(db);
    const owner = newOwner();
    const own = await newWallet(db, asset, { owner, bought: 10 });
    const other = await newWallet(db, asset, { bought: 10 });
    const metadata = { secret: 'of the sender' };
    await service.receipt('walletTransfer', { fromWallet: other, toWallet: own, amount: 4, idemKey: 'in', metadata });
    await service.receipt('walletTransfer', { fromWallet: own, toWallet: other, amount: 1, idemKey: 'out', metadata });
    const player = gateway.as('player', owner);

    const lines = await ndjson(player, own);
    const csv = await download(player, own, 'csv');

    const [first, received, sent] = await expected(own);
    const hidden = { counterparty: null, idem_key: null, actor: null, metadata: null };
    expect(lines).toEqual([first, { ...received, ...hidden }, sent]);
    expect(received).toMatchObject({ seq: '2', amount: '4', counterparty: other, idem_key: 'in' });
    expect(sent).toMatchObject({ counterparty: other, idem_key: 'out', metadata });
    expect(csv.split('\n')[2]).toMatch(/,,,,$/);
    expect((await player.fetch(`/wallets/${other}/history.csv`)).status).toBe(404);
  });
});

describe('a download of a period', () => {
  let walletId = '';
  /** The instants of its five entries, as downloads show them. */
  const times: string[] = [];
  beforeAll(async () => {
    walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    for (let nth = 2; nth <= 5; nth += 1) {
      await service.receipt('walletSpend', { walletId, amount: 1, idemKey: `spend-${nth}` });
    }
    times.push(...(await ndjson(service, walletId)).map(({ created_at }) => String(created_at)));
  });
  const at = (nth: number) => encodeURIComponent(times[nth - 1] ?? '');
  async function seqs(query: string): Promise<unknown[]> {
    const response = await service.fetch(`/wallets/${walletId}/history.ndjson?${query}`);
    expect(response.status).toBe(200);
    const lines = (await response.text()).split('\n').slice(0, -1);
    return lines.map((line) => (JSON.parse(line) as Line).seq);
  }

  it('has the entries at or after from, and before to, by the microsecond', async () => {
    expect(await seqs(`from=${at(2)}&to=${at(4)}`)).toEqual(['2', '3']);
    expect(await seqs(`from=${at(4)}`)).toEqual(['4', '5']);
    expect(await seqs(`to=${at(4)}`)).toEqual(['1', '2', '3']);
    expect(await seqs(`to=${at(1)}`)).toEqual([]);
    expect(await seqs(`from=${at(3)}&to=${at(3)}`)).toEqual([]);
    expect(await seqs('from=2000-01-01T00:00Z&to=9999-12-31T23:59:59.999999-14:00')).toHaveLength(5);
  });

  it('and its neighbours have each entry once, wherever they are split', async () => {
    for (const nth of [1, 2, 3, 4, 5]) {
      expect([...(await seqs(`to=${at(nth)}`)), ...(await seqs(`from=${at(nth)}`))]).toEqual(['1', '2', '3', '4', '5']);
    }
  });

  it('is an instant, in whatever zone it is written', async () => {
    const instant = new Date(Date.parse(times[3] ?? '') + 1);
    const local = new Date(instant.getTime() + 5.5 * 3600_000).toISOString().replace('Z', '+05:30');

    expect(await seqs(`from=${encodeURIComponent(local)}`)).toEqual(await seqs(`from=${instant.toISOString()}`));
  });

  it('is CSV with its header, also if it is empty', async () => {
    const response = await service.fetch(`/wallets/${walletId}/history.csv?to=2000-01-01T00:00:00Z`);

    expect(await response.text()).toBe(`${COLUMNS}\n`);
  });

  it.each([
    ['an unknown one', 'since=2026-01-01T00:00:00Z', 'there is no parameter "since"'],
    ['a misspelt one', 'From=2026-01-01T00:00:00Z', 'there is no parameter "From"'],
    ['one of no name', '=1', 'there is no parameter ""'],
    ['the same one twice', 'from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z', 'from is there twice'],
    ['a list', 'from[]=2026-01-01T00:00:00Z', 'there is no parameter "from[]"'],
    ['an empty one', 'from=', 'from must be an instant'],
    ['a day', 'to=2026-01-01', 'to must be an instant'],
    ['a time of no zone', 'to=2026-01-01T00:00:00', 'to must be an instant'],
    ['a zone whose sign is a blank', 'to=2026-01-01T00:00:00+01:00', 'to must be an instant'],
    ['a day that is not there', 'from=2026-02-30T00:00:00Z', 'from must be an instant'],
    ['an hour that is not there', 'from=2026-01-01T24:00:00Z', 'from must be an instant'],
    ['a tenth of a microsecond', 'from=2026-01-01T00:00:00.0000001Z', 'from must be an instant'],
    ['a word', 'to=tomorrow', 'to must be an instant'],
    ['infinity', 'to=infinity', 'to must be an instant'],
    ['SQL', `from=${encodeURIComponent("2026-01-01T00:00:00Z' or true --")}`, 'from must be an instant'],
    ['bytes that are no text', 'from=%ff', 'from must be an instant'],
    [
      'a time that ends before it begins',
      'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
      'from must not be after to',
    ],
  ])('is refused by the name of its parameter if that is %s', async (_what, query, message) => {
    for (const format of ['csv', 'ndjson']) {
      const response = await service.fetch(`/wallets/${walletId}/history.${format}?${query}`);

      expect([response.status, await response.json()]).toEqual([
        400,
        {
          errors: [
            {
              message: expect.stringContaining(`invalid argument: ${message}`) as string,
              extensions: { code: 'INVALID_ARGUMENT' },
            },
          ],
        },
      ]);
    }
  });
});

describe('a download', () => {
  it.each(['csv', 'ndjson'])('is an attachment that must not be cached (%s)', async (format) => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1 });

    const { headers } = await service.fetch(`/wallets/${walletId.toUpperCase()}/history.${format}`);

    expect(headers.get('content-disposition')).toBe(`attachment; filename="wallet-${walletId}.${format}"`);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it("opened as a spreadsheet has callers' data as texts, and numbers as numbers", async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const keys = [
      '=HYPERLINK("http://evil.example")',
      '+1',
      '-1',
      '@SUM(A1)',
      '\uff1d1',
      "'=1",
      "''+1",
      "it's",
      'a=b',
      '7',
    ];
    for (const idemKey of keys) await service.receipt('walletTopUp', { walletId, amount: 1, idemKey });

    const [, ...rows] = parseCsv(await download(service, walletId, 'csv'));
    const lines = await ndjson(service, walletId);

    const shown = rows.map((row) => row[12] ?? '');
    expect(shown).toEqual([...keys.slice(0, 7).map((key) => `'${key}`), ...keys.slice(7)]);
    // Remove the added apostrophe.
    expect(shown.map((cell) => cell.replace(/^'(?='*[=+\-@\t\r\n\uff1d])/, ''))).toEqual(keys);
    expect(rows.map((row) => [row[0], row[4], row[7]])).toEqual(
      keys.map((_key, nth) => [String(nth + 1), '1', String(nth + 1)]),
    );
    expect(lines.map(({ idem_key }) => idem_key)).toEqual(keys);
  });
});

describe('a long download', () => {
  // Large enough to show above the garbage that collections leave behind.
  const ENTRIES = 50_000;
  const NOTE = 8_000;
  let walletId = '';
  beforeAll(async () => {
    const asset = await someAsset(db);
    walletId = await newWallet(db, asset);
    // Inserted directly: the posting function would take long, and a download does not check hashes.
    await writing(db, async (client) => {
      await client.query(
        `insert into ledger.entries (wallet_id, transfer_id, seq, kind, debit, credit, amount, requested_amount, bonus_amount, held_amount,
           balance, bonus_balance, held_balance, paid_balance, free_balance, topped_up_total, granted_total, spent_total, sent_total, created_at,
           xid, actor, idem_key, metadata, hash)
         select $1, uuidv7(), nth, 'top_up', 'treasury', 'player', 1, 1, 0, 0, nth, 0, 0, nth, nth, nth, 0, 0, 0, clock_timestamp(),
           pg_current_xact_id(), 'db:test', 'top-up-' || nth, jsonb_build_object('note', repeat('x', ${NOTE})), sha256('')
         from generate_series(1, ${ENTRIES}) nth`,
        [walletId],
      );
    });
    await db.query('analyze ledger.entries');
  }, 240_000);

  /** The resident memory of the gateway in bytes; undefined if the system does not report it. */
  function memory(): number | undefined {
    const file = `/proc/${gateway.child.pid}/status`;
    if (!existsSync(file)) return undefined;
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(file, 'utf8'))?.[1]) * 1024;
  }

  it.each(['csv', 'ndjson'])(
    'is one whole snapshot and does not grow the process (%s)',
    async (format) => {
      const { entries } = await rowsOf(db, walletId);
      // Memory of the first download is needed only once.
      await (
        await service.fetch(`/wallets/${await newWallet(db, await someAsset(db), { bought: 1 })}/history.${format}`)
      ).text();
      const before = memory() ?? 0;
      let most = before;
      let bytes = 0;
      let lines = 0;
      let tail = '';

      const { body } = await service.fetch(`/wallets/${walletId}/history.${format}`);
      if (!body) throw new Error('no body');
      const late = await service.receipt('walletTopUp', { walletId, amount: 1, idemKey: `late-${format}` });
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        bytes += chunk.length;
        const text = Buffer.from(chunk).toString('latin1');
        lines += text.split('\n').length - 1;
        tail = (tail + text).slice(-2 * NOTE);
        most = Math.max(most, memory() ?? 0);
      }

      expect(late.seq).toBe(String(entries + 1));
      expect(lines).toBe(entries + (format === 'csv' ? 1 : 0));
      expect(tail).toContain(`top-up-${ENTRIES}`);
      expect(tail).not.toContain(`late-${format}`);
      expect(bytes).toBeGreaterThan(ENTRIES * NOTE);
      expect(most - before).toBeLessThan(bytes / 2);
    },
    240_000,
  );

  it('of a slow reader waits in the database and not in the process', async () => {
    const before = memory() ?? 0;
    const response = await service.fetch(`/wallets/${walletId}/history.ndjson`);
    const reader = response.body?.getReader();
    await reader?.read();

    // The download asked for nothing more while the process answered another request: if it had room for rows, it would ask at once.
    await until(async () => {
      const seen = await waiting();
      await gateway.with(undefined).fetch('/healthz');
      return seen !== undefined && seen === (await waiting());
    });

    expect(await downloads()).toBe(1);
    expect((memory() ?? 0) - before).toBeLessThan((ENTRIES * NOTE) / 4);
    await reader?.cancel();
    await until(async () => (await downloads()) === 0);
  });

  it('of a reader that is too slow is ended, and its connection is released', async () => {
    const pool = createPool({ url: db.url, login: 'wallet_gateway', size: 1, name: 'test', statementTimeoutMs: 0 });
    const app = express();
    app.use((_req, res, next) => {
      res.locals.identity = { role: 'service', sub: 'shop', pgRole: 'wallet_service' } satisfies Identity;
      next();
    });
    app.use(downloadsRouter({ pool, minimumRate: { bytesPerSecond: 1_000_000_000, graceMs: 200 } }));
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const slow = connect(port, '127.0.0.1');
      slow.write(`GET /wallets/${walletId}/history.ndjson HTTP/1.1\r\nHost: test\r\n\r\n`);
      const [chunk] = (await once(slow, 'data')) as [Buffer];
      slow.pause();

      // This download waits for the only connection.
      const other = await newWallet(db, await someAsset(db), { bought: 1 });
      const response = await fetch(`http://127.0.0.1:${port}/wallets/${other}/history.ndjson`);

      expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 /);
      expect((await response.text()).split('\n')).toHaveLength(2);
      const ended = new Promise((resolve) => slow.once('error', resolve).once('close', resolve));
      slow.resume();
      await ended;
    } finally {
      server.close();
      server.closeAllConnections();
      await pool.end();
    }
  });

  it('of one caller leaves a connection to others, and waits for the one before', async () => {
    const readers: ReadableStreamDefaultReader[] = [];
    const reading = async (caller: Caller) => {
      const { body } = await caller.fetch(`/wallets/${walletId}/history.ndjson`);
      const reader = body?.getReader();
      if (!reader) throw new Error('no body');
      await reader.read();
      readers.push(reader);
      return reader;
    };
    const greedy = gateway.as('service', 'greedy');
    const first = await reading(greedy);
    const more = Array.from({ length: 12 }, () => greedy.fetch(`/wallets/${walletId}/history.ndjson`));
    const refused = await Promise.race(more);

    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([
      429,
      '10',
      {
        errors: [
          {
            message: 'rate limited: at most 1 of your downloads at a time',
            extensions: { code: 'RATE_LIMITED' },
          },
        ],
      },
    ]);
    // Of the two connections, one is left for others.
    expect(await downloads()).toBe(1);
    const other = await newWallet(db, await someAsset(db), { bought: 1 });
    expect(await ndjson(service, other)).toHaveLength(1);

    await first.cancel();
    const answered = await Promise.all(
      more.map((answer) =>
        answer.then(async ({ status, body }) => {
          if (status === 200) await body?.cancel();
          return status;
        }),
      ),
    );
    expect(answered.toSorted()).toEqual([...Array<number>(10).fill(200), 429, 429]);
    await until(async () => (await downloads()) === 0);
  });

  it('releases its connection when its reader disconnects', async () => {
    const token = await signToken(AUTH, { role: 'service', sub: 'shop' });
    // More than there are connections for downloads.
    for (let nth = 0; nth < 6; nth += 1) {
      await new Promise<void>((resolve, reject) => {
        const client = request(
          `${gateway.url}/wallets/${walletId}/history.${nth % 2 ? 'csv' : 'ndjson'}`,
          { headers: { Authorization: `Bearer ${token}` }, agent: false },
          (response) => {
            response.once('data', () => {
              client.destroy();
              resolve();
            });
          },
        );
        client.on('error', reject).end();
      });
    }

    await until(async () => (await downloads()) === 0);
    const other = await newWallet(db, await someAsset(db), { bought: 1 });
    expect(await ndjson(service, other)).toHaveLength(1);
    expect(gateway.child.stderr).toBe('');
  });

  it('is truncated visibly when the database connection breaks', async () => {
    const response = await service.fetch(`/wallets/${walletId}/history.csv`);
    const reader = response.body?.getReader();
    await reader?.read();

    await db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'wallet-history'",
    );

    await expect(
      (async () => {
        while (!(await reader?.read())?.done);
      })(),
    ).rejects.toThrow();
    const other = await newWallet(db, await someAsset(db), { bought: 1 });
    expect(await ndjson(service, other)).toHaveLength(1);
    const { body } = await service.post('{ assets { nodes { code } } }');
    expect(body.errors).toBeUndefined();
  });

  /** Since when the query has waited for the gateway to fetch more rows; undefined while it runs. */
  async function waiting(): Promise<string | undefined> {
    const { rows } = await db.query<{ since: string }>(
      `select state_change::text as since from pg_stat_activity where datname = current_database()
         and application_name = 'wallet-history' and state <> 'idle' and wait_event = 'ClientRead'`,
    );
    return rows[0]?.since;
  }

  async function downloads(): Promise<number> {
    const { rowCount } = await db.query(
      `select from pg_stat_activity where datname = current_database() and application_name = 'wallet-history'
         and state <> 'idle'`,
    );
    return rowCount ?? 0;
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 60_000; !(await holds()); await sleep(50)) {
      if (Date.now() > deadline) throw new Error('It never came true');
    }
  }
});
