/** Sends the rows of a query as a file, streamed in constant memory, in one snapshot and with the rights of the token. */
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
  /** Undefined: the pool alone. */
  reads?: Reads | undefined;
  minimumRate?: MinimumRate | undefined;
}

export interface Download extends Table {
  /** Of the file, without its extension. */
  name: string;
  text: string;
  values: unknown[];
}

/** A reader that takes less is ended: its connection is one of few. */
const MINIMUM_RATE: MinimumRate = { bytesPerSecond: 16_000, graceMs: 20_000 };
const ROWS_AT_ONCE = 100;
/** A client that reads nothing for so long is gone. */
const STALL_MS = 60_000;
/** One that reads a little now and then must not keep the connection, and the snapshot, for ever either. */
const DOWNLOAD_MS = 15 * 60_000;
const RETRY_AFTER_S = '10';

export class Sender {
  readonly #options: SenderOptions;
  readonly #turns: Turns;

  constructor(options: SenderOptions) {
    this.#options = options;
    // Nobody may have all connections, unless there is only one.
    this.#turns = new Turns(Math.max(1, options.pool.options.max - 1));
  }

  /** `isThere` tells whether there is something to send; where not, it answers the request itself. */
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

/** What the query refuses, it refuses with its first row: until then `begin` has not been called, and nothing was answered. */
async function sendRows(
  client: PoolClient,
  { text, values }: Download,
  res: Response,
  begin: () => ReturnType<Format['lines']> | undefined,
): Promise<void> {
  const stream = client.query(
    new QueryStream(text, values, { batchSize: ROWS_AT_ONCE, highWaterMark: ROWS_AT_ONCE, types }),
  );
  // The stream would wait for ever for a lost connection to close its cursor.
  const lost = Promise.withResolvers<never>();
  client.once('error', lost.reject);
  try {
    const rows = stream[Symbol.asyncIterator]() as AsyncIterableIterator<Row>;
    const first = await Promise.race([rows.next(), lost.promise]);
    const lines = begin();
    if (lines === undefined) return;
    res.setTimeout(STALL_MS, () => res.destroy());
    const signal = AbortSignal.timeout(DOWNLOAD_MS);
    // On an error, also the reader's going away, the pipeline destroys both ends: an answer cut short never looks complete.
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
