/** Downloads of a wallet's full history, oldest first, streamed in constant memory. */
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { Pool, PoolClient } from 'pg';
import QueryStream from 'pg-query-stream';
import { identityOf, type Identity } from '../auth.ts';
import { sendError } from '../errors.ts';
import { settingsOfEachTransaction } from '../database/pool.ts';
import { connectForReading } from '../database/reads.ts';
import type { Standby } from '../database/standby.ts';
import { isUuid } from '../graphql/plugins/scalars.ts';

type Value = string | Json | null;
type Row = Record<string, Value>;
type Connect = (req: Request, res: Response) => Promise<PoolClient>;
type Format = () => Transform | ((rows: AsyncIterable<Row>) => AsyncIterable<string>);

/** JSON as PostgreSQL wrote it: reading it into JavaScript would change large numbers. */
class Json {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
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
const ROWS_AT_ONCE = 100;
const LINES_AT_ONCE = 100;
/** A client that reads nothing for so long is gone. */
const STALL_MS = 60_000;
/** One that reads a little now and then must not keep the connection, and the snapshot, for ever either. */
const DOWNLOAD_MS = 15 * 60_000;

const OID_TIMESTAMPTZ = 1184;
const OID_JSONB = 3802;
// Everything stays text, as GraphQL shows it: no number loses digits and no timestamp its microseconds.
const types = {
  getTypeParser:
    (oid: number) =>
    (text: string): Value =>
      parseValue(oid, text),
};

export function historyRouter(pool: Pool, standby?: Standby): Router {
  const router = Router();
  const connect: Connect = (req, res) => connectForReading(standby, pool, req, res);
  router.get('/wallets/:id/history.csv', download(connect, 'text/csv; charset=utf-8; header=present', formatCsv));
  router.get('/wallets/:id/history.ndjson', download(connect, 'application/x-ndjson; charset=utf-8', formatNdjson));
  return router;
}

function download(connect: Connect, contentType: string, format: Format): RequestHandler {
  return async (req, res) => {
    const id = req.params.id;
    if (!isUuid(id)) {
      sendError(res, 400, 'INVALID_ARGUMENT', 'invalid argument: the wallet id must be a UUID');
      return;
    }
    await inSnapshot(await connect(req, res), identityOf(res), async (client) => {
      const { rowCount } = await client.query('select from ledger.wallets where id = $1', [id]);
      if (rowCount === 0) {
        sendError(res, 404, 'WALLET_NOT_FOUND', `wallet not found: ${id}`);
        return;
      }
      res.type(contentType);
      await sendHistory(client, id, format, req, res);
    });
  };
}

async function sendHistory(client: PoolClient, id: string, format: Format, req: Request, res: Response): Promise<void> {
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  res.setTimeout(STALL_MS, () => res.destroy());
  const rows = client.query(
    new QueryStream('select * from ledger.wallet_history($1)', [id], {
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
    await Promise.race([pipeline(rows, format(), res, { signal: AbortSignal.timeout(DOWNLOAD_MS) }), lost.promise]);
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

const formatCsv: Format = () =>
  stringify({
    header: true,
    columns: COLUMNS,
    cast: { object: String },
  });

const formatNdjson: Format = () => ndjsonLines;

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
