/** Downloads of a wallet's history, oldest first, streamed in constant memory. */
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { Pool, PoolClient } from 'pg';
import QueryStream from 'pg-query-stream';
import { actorOf, identityOf, type Identity } from '../auth.ts';
import { sendError } from '../errors.ts';
import { ConcurrencyLimit, TooManyAtOnce } from '../database/concurrency.ts';
import { settingsOfEachTransaction } from '../database/pool.ts';
import type { Reads } from '../database/reads.ts';
import { isUuid } from '../values.ts';
import { endIfSlow, type MinimumRate } from './slow_readers.ts';
import { ParameterError, readInstants } from './parameters.ts';

type Value = string | Json | null;
type Row = Record<string, Value>;
type Connect = (req: Request, res: Response) => Promise<PoolClient>;
type Lines = () => Transform | ((rows: AsyncIterable<Row>) => AsyncIterable<string>);

interface Format {
  extension: string;
  contentType: string;
  lines: Lines;
}
interface Period {
  from?: string;
  to?: string;
}
export interface HistoryOptions {
  pool: Pool;
  /** Undefined: the pool alone. */
  reads?: Reads | undefined;
  minimumRate?: MinimumRate;
}

/** JSON as PostgreSQL wrote it: reading it into JavaScript would change large numbers. */
class Json {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const COLUMNS = [
  'seq',
  'created_at',
  'kind',
  'side',
  'amount',
  'bonus_amount',
  'held_amount',
  'balance',
  'bonus_balance',
  'held_balance',
  'transfer_id',
  'counterparty',
  'idem_key',
  'actor',
  'metadata',
];
/** What callers write, or might. The others are numbers and words of ours, which stay as they are. */
const TEXT_COLUMNS: readonly unknown[] = ['counterparty', 'idem_key', 'actor', 'metadata'];
/** At the beginning of a cell, a spreadsheet takes these for a formula. Behind quotes, too: so that the apostrophe put before it can be recognised. */
const FORMULA = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
/** A reader that takes less is ended: its connection is one of few. */
const MINIMUM_RATE: MinimumRate = { bytesPerSecond: 16_000, graceMs: 20_000 };
const ROWS_AT_ONCE = 100;
const LINES_AT_ONCE = 100;
/** A client that reads nothing for so long is gone. */
const STALL_MS = 60_000;
/** One that reads a little now and then must not keep the connection, and the snapshot, for ever either. */
const DOWNLOAD_MS = 15 * 60_000;

/** Of one caller, besides those that are under way. */
const MAX_WAITING = 10;
const WAIT_MS = 30_000;
const RETRY_AFTER_S = '10';

const OID_TIMESTAMPTZ = 1184;
const OID_JSONB = 3802;
// Everything stays text, as GraphQL shows it: no number loses digits and no timestamp its microseconds.
const types = {
  getTypeParser:
    (oid: number) =>
    (text: string): Value =>
      parseValue(oid, text),
};

export function historyRouter({ pool, reads, minimumRate = MINIMUM_RATE }: HistoryOptions): Router {
  const router = Router();
  // Nobody may have all connections, unless there is only one.
  const turns = new Turns(Math.max(1, pool.options.max - 1));
  const connect: Connect = (req, res) => reads?.connect(pool, req, res) ?? pool.connect();
  for (const format of [CSV, NDJSON]) {
    router.get(`/wallets/:id/history.${format.extension}`, download(connect, turns, format, minimumRate));
  }
  return router;
}

function download(connect: Connect, turns: Turns, format: Format, minimumRate: MinimumRate): RequestHandler {
  return async (req, res) => {
    const id = req.params.id;
    if (!isUuid(id)) {
      sendError(res, 400, 'INVALID_ARGUMENT', 'invalid argument: the wallet id must be a UUID');
      return;
    }
    const period = periodOf(req, res);
    if (!period) return;
    const identity = identityOf(res);
    const work = async (): Promise<void> =>
      inSnapshot(await connect(req, res), identity, async (client) => {
        const { rowCount } = await client.query('select from ledger.wallets where id = $1', [id]);
        if (rowCount === 0) {
          sendError(res, 404, 'WALLET_NOT_FOUND', `wallet not found: ${id}`);
          return;
        }
        res.type(format.contentType);
        res.set('Content-Disposition', `attachment; filename="wallet-${id.toLowerCase()}.${format.extension}"`);
        if (req.method === 'HEAD') {
          res.end();
          return;
        }
        endIfSlow(res, minimumRate);
        await sendHistory(client, [id, period.from, period.to], format.lines, res);
      });
    try {
      await turns.take(actorOf(identity), work);
    } catch (error) {
      if (!(error instanceof TooManyAtOnce)) throw error;
      res.set('Retry-After', RETRY_AFTER_S);
      sendError(res, 429, 'RATE_LIMITED', `rate limited: at most ${turns.most} of your downloads at a time`);
    }
  };
}

/** Undefined where it has been refused. */
function periodOf(req: Request, res: Response): Period | undefined {
  try {
    const period = readInstants(req, ['from', 'to']);
    if (period.from !== undefined && period.to !== undefined && new Date(period.from) > new Date(period.to)) {
      throw new ParameterError('invalid argument: from must not be after to');
    }
    return period;
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    sendError(res, 400, 'INVALID_ARGUMENT', error.message);
    return undefined;
  }
}

/** A caller's downloads wait for each other before they wait for a connection, which others need too. */
class Turns {
  readonly most: number;
  readonly #limits = new Map<string, ConcurrencyLimit>();

  constructor(most: number) {
    this.most = most;
  }

  async take(actor: string, work: () => Promise<void>): Promise<void> {
    const { most: max } = this;
    const limit =
      this.#limits.get(actor) ??
      new ConcurrencyLimit({ name: 'downloads', max, maxWaiting: MAX_WAITING, waitMs: WAIT_MS });
    this.#limits.set(actor, limit);
    try {
      await limit.run(work);
    } finally {
      if (limit.isEmpty) this.#limits.delete(actor);
    }
  }
}

async function sendHistory(
  client: PoolClient,
  values: (string | undefined)[],
  lines: Lines,
  res: Response,
): Promise<void> {
  res.setTimeout(STALL_MS, () => res.destroy());
  const rows = client.query(
    new QueryStream('select * from ledger.wallet_history($1, from_time => $2, to_time => $3)', values, {
      batchSize: ROWS_AT_ONCE,
      highWaterMark: ROWS_AT_ONCE,
      types,
    }),
  );
  // The stream would wait for ever for a lost connection to close its cursor.
  const lost = Promise.withResolvers<never>();
  client.once('error', lost.reject);
  try {
    // On an error, also the reader's going away, the pipeline destroys both ends: an answer cut short never looks complete.
    await Promise.race([pipeline(rows, lines(), res, { signal: AbortSignal.timeout(DOWNLOAD_MS) }), lost.promise]);
  } finally {
    client.off('error', lost.reject);
  }
}

/** Runs `work` in one read-only snapshot, with the role and the claims of the token as a GraphQL request has them. */
async function inSnapshot(
  client: PoolClient,
  { role, sub, pgRole }: Identity,
  work: (client: PoolClient) => Promise<void>,
): Promise<void> {
  let done = false;
  try {
    await client.query('begin transaction isolation level repeatable read read only');
    const settings = {
      ...settingsOfEachTransaction(client),
      role: pgRole,
      'jwt.claims.sub': sub,
      'jwt.claims.role': role,
    };
    await client.query('select set_config(key, value, true) from json_each_text($1)', [JSON.stringify(settings)]);
    await work(client);
    await client.query('commit');
    done = true;
  } finally {
    // A download that broke off leaves a half-read cursor behind: the connection goes with it.
    client.release(!done);
  }
}

const CSV: Format = {
  extension: 'csv',
  contentType: 'text/csv; charset=utf-8; header=present',
  lines: () =>
    stringify({
      header: true,
      columns: COLUMNS,
      cast: {
        object: (metadata) => (metadata instanceof Json ? asText(metadata.text) : ''),
        string: (text, { column }) => (TEXT_COLUMNS.includes(column) ? asText(text) : text),
      },
    }),
};

const NDJSON: Format = {
  extension: 'ndjson',
  contentType: 'application/x-ndjson; charset=utf-8',
  lines: () => ndjsonLines,
};

/** Of what a spreadsheet would run, a text: with an apostrophe before it, which is how spreadsheets write that. */
function asText(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell;
}

async function* ndjsonLines(rows: AsyncIterable<Row>): AsyncIterable<string> {
  let lines: string[] = [];
  for await (const row of rows) {
    lines.push(ndjsonLine(row));
    if (lines.length < LINES_AT_ONCE) continue;
    yield lines.join('');
    lines = [];
  }
  yield lines.join('');
}

function ndjsonLine(row: Row): string {
  const fields = Object.entries(row).map(
    ([name, value]) => `"${name}":${value instanceof Json ? value.text : JSON.stringify(value)}`,
  );
  return `{${fields.join(',')}}\n`;
}

function parseValue(oid: number, text: string): Value {
  if (oid === OID_TIMESTAMPTZ) return isoTimestamp(text);
  if (oid === OID_JSONB) return new Json(text);
  return text;
}

/** `2026-01-31 12:00:00.5+00` to `2026-01-31T12:00:00.500000+00:00`. */
function isoTimestamp(text: string): string {
  const [, date, time, fraction = '', zone] = /^(\S+) ([\d:]+)(?:\.(\d+))?([+-]\d\d)$/.exec(text) ?? [];
  return date && time && zone ? `${date}T${time}.${fraction.padEnd(6, '0')}${zone}:00` : text;
}
