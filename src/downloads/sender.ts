/** Sends the rows of a query as a file: streamed in constant memory, in one snapshot, with the rights of the token. */
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import type { Pool, PoolClient } from 'pg';
import QueryStream from 'pg-query-stream';
import { actorOf, identityOf, type Identity } from '../auth.ts';
import { sendError } from '../errors.ts';
import { TooManyAtOnce } from '../database/concurrency.ts';
import { settingsOfEachTransaction } from '../database/pool.ts';
import type { Reads } from '../database/reads.ts';
import { type Format, type Row, type Table, types } from './formats.ts';
import { endIfSlow, type MinimumRate } from './slow_readers.ts';
import { Turns } from './turns.ts';

export interface SenderOptions {
  pool: Pool;
  /** If undefined, all downloads use the pool. */
  reads?: Reads | undefined;
  minimumRate?: MinimumRate | undefined;
}

export interface Download extends Table {
  /** The file's name without its extension. */
  name: string;
  text: string;
  values: unknown[];
}

/** A slower client is disconnected: it uses one of few connections. */
const MINIMUM_RATE: MinimumRate = { bytesPerSecond: 16_000, graceMs: 20_000 };
const ROWS_AT_ONCE = 100;
/** How long a client may read nothing. */
const STALL_MS = 60_000;
/** A download must not keep its connection and snapshot longer than this. */
const DOWNLOAD_MS = 15 * 60_000;
const RETRY_AFTER_S = '10';

export class Sender {
  readonly #options: SenderOptions;
  readonly #turns: Turns;

  constructor(options: SenderOptions) {
    this.#options = options;
    // One caller may use all connections but one, and at least one.
    this.#turns = new Turns(Math.max(1, options.pool.options.max - 1));
  }

  /** `isThere` checks whether there is something to send; if not, it has answered the request. */
  async send(
    req: Request,
    res: Response,
    download: Download,
    format: Format,
    isThere?: (client: PoolClient) => Promise<boolean>,
  ): Promise<void> {
    const { pool, reads, minimumRate = MINIMUM_RATE } = this.#options;
    const identity = identityOf(res);
    const work = async (): Promise<void> =>
      inSnapshot(await (reads?.connect(pool, req, res) ?? pool.connect()), identity, async (client) => {
        if ((await isThere?.(client)) === false) return;
        await sendRows(client, download, res, () => {
          res.type(format.contentType);
          res.set('Content-Disposition', `attachment; filename="${download.name}.${format.extension}"`);
          if (req.method === 'HEAD') {
            res.end();
            return undefined;
          }
          endIfSlow(res, minimumRate);
          return format.lines(download);
        });
      });
    try {
      await this.#turns.take(actorOf(identity), work);
    } catch (error) {
      if (!(error instanceof TooManyAtOnce)) throw error;
      res.set('Retry-After', RETRY_AFTER_S);
      sendError(res, 429, 'RATE_LIMITED', `rate limited: at most ${this.#turns.most} of your downloads at a time`);
    }
  }
}

/** The query reports its refusal with the first row. Until then `begin` is not called and nothing has been sent. */
async function sendRows(
  client: PoolClient,
  { text, values }: Download,
  res: Response,
  begin: () => ReturnType<Format['lines']> | undefined,
): Promise<void> {
  const stream = client.query(
    new QueryStream(text, values, { batchSize: ROWS_AT_ONCE, highWaterMark: ROWS_AT_ONCE, types }),
  );
  // If the connection is lost, the stream would wait for its cursor to close, without end.
  const lost = Promise.withResolvers<never>();
  client.once('error', lost.reject);
  try {
    const rows = stream[Symbol.asyncIterator]() as AsyncIterableIterator<Row>;
    const first = await Promise.race([rows.next(), lost.promise]);
    const lines = begin();
    if (lines === undefined) return;
    res.setTimeout(STALL_MS, () => res.destroy());
    const signal = AbortSignal.timeout(DOWNLOAD_MS);
    // On an error, also when the client disconnects, the pipeline destroys both ends: a truncated answer never looks complete.
    const sent = pipeline(allOf(first, rows), lines, res, { signal });
    await Promise.race([sent, lost.promise]);
  } finally {
    client.off('error', lost.reject);
    stream.destroy();
  }
}

async function* allOf(first: IteratorResult<Row, unknown>, rest: AsyncIterableIterator<Row>): AsyncIterable<Row> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

/** Runs `work` in one read-only snapshot, with the same role and claims as a GraphQL request. */
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
    // An aborted download leaves an open cursor, so close its connection.
    client.release(!done);
  }
}
