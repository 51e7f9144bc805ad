/** Notifies subscribers of what was booked: postings do not, because transactions that NOTIFY commit one after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { log } from '../observability/log.ts';
import { createPool } from '../database/pool.ts';
import type { Address } from '../database/pooler.ts';
import { within } from '../within.ts';

/** Logs in as wallet_worker or as a superuser. */
export interface PollerOptions extends Address {
  /** How many transfers of a kind were booked; called in the one process that polls. */
  onPostings?: ((kind: string, count: number) => void) | undefined;
  /** The feed was read and all concerned were notified; in the process that polls, with each round. */
  onRound?: (() => void) | undefined;
}

/** A page of the feed, of which everybody concerned has been notified. */
interface Page {
  next_cursor: string;
  is_full: boolean;
  postings: Record<string, number>;
}

const POLL_MS = 200;
const PAGE_SIZE = 1000;
/** Until another process looks whether the one that polls is gone, and after an error. */
const RETRY_MS = 1_000;
const ANSWER_WITHIN_MS = 10_000;
const STOP_MS = 5_000;

/**
 * The server learns within a quarter of a minute that a machine has vanished; a process that is killed hangs up. What is
 * notified is of no use after a crash, so that no commit need wait for the disk or for a standby.
 */
const PREPARE = `
set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3;
set synchronous_commit = off`;
/** The turn lasts as long as its transaction: whoever has it keeps it open, on a connection for nothing else. */
const WAIT_FOR_TURN = `
set idle_in_transaction_session_timeout = 0; set transaction_timeout = 0;
begin transaction isolation level read committed`;
const TAKE_TURN = 'select gateway.take_poller_turn() as is_ours';

/** Of all processes one polls; when it ends, another takes over. */
export class Poller {
  readonly #pool: Pool;
  readonly #onPostings: PollerOptions['onPostings'];
  readonly #onRound: PollerOptions['onRound'];
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #lastError = '';

  /** Waits for its database, if need be. */
  constructor({ url, password, onPostings, onRound }: PollerOptions) {
    this.#pool = createPool({
      url,
      password,
      setting: 'WORKER_DATABASE_URL',
      needsSession: true,
      login: 'wallet_worker',
      size: 2,
      name: 'wallet-poller',
      statementTimeoutMs: ANSWER_WITHIN_MS,
    });
    this.#onPostings = onPostings;
    this.#onRound = onRound;
    this.#ended = this.#keepPolling();
  }

  /** Lets the page under way end, and gives up after a while. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#ended, sleep(STOP_MS, undefined, { ref: false })]);
  }

  async #keepPolling(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#poll();
      } catch (error) {
        this.#log(error as Error);
      }
      await this.#pause(RETRY_MS);
    }
    await this.#pool.end();
  }

  async #poll(): Promise<void> {
    const keeper = await this.#pool.connect();
    try {
      await within(ANSWER_WITHIN_MS, keeper.query(`${PREPARE}; ${WAIT_FOR_TURN}`));
      while (!(await takesTurn(keeper))) {
        await this.#pause(RETRY_MS);
        if (this.#isStopping) return;
      }
      await this.#pollWhile(keeper);
    } finally {
      keeper.release(true);
    }
  }

  /** Each time anew from the end of the feed, which notifies everybody: of what was missed nothing else is known. */
  async #pollWhile(keeper: PoolClient): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await within(ANSWER_WITHIN_MS, client.query(PREPARE));
      let cursor: string | undefined;
      while (!this.#isStopping) {
        // Fails where the turn was lost with its connection.
        await within(ANSWER_WITHIN_MS, keeper.query('select'));
        const page = await notify(client, cursor);
        cursor = page.next_cursor;
        this.#lastError = '';
        this.#onRound?.();
        for (const [kind, count] of Object.entries(page.postings)) this.#onPostings?.(kind, count);
        if (!page.is_full) await this.#pause(POLL_MS);
      }
    } finally {
      client.release(true);
    }
  }

  /** Once, however often it is tried again. */
  #log({ message }: Error): void {
    if (message !== this.#lastError) log.error({ error: message }, 'poller');
    this.#lastError = message;
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

async function takesTurn(client: PoolClient): Promise<boolean> {
  const { rows } = await within(ANSWER_WITHIN_MS, client.query<{ is_ours: boolean }>(TAKE_TURN));
  return rows[0]?.is_ours === true;
}

async function notify(client: PoolClient, cursor: string | undefined): Promise<Page> {
  const { rows } = await within(
    ANSWER_WITHIN_MS,
    client.query<Page>('select * from ledger.ledger_notify($1, $2)', [cursor, PAGE_SIZE]),
  );
  const [page] = rows;
  if (!page) throw new Error('ledger_notify() has no answer');
  return page;
}
