/** Notifies subscribers of postings. The postings themselves do not, because transactions that NOTIFY commit one after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { log } from '../observability/log.ts';
import { createPool } from '../database/pool.ts';
import type { Address } from '../database/pooler.ts';
import { within } from '../within.ts';

/** The login must be wallet_worker or a superuser. */
export interface PollerOptions extends Address {
  /** Counts the transfers of a kind; called only in the process that polls. */
  onPostings?: ((kind: string, count: number) => void) | undefined;
  /** Called after each round in the process that polls, when the subscribers have been notified. */
  onRound?: (() => void) | undefined;
}

/** A page of the feed; its subscribers have been notified. */
interface Page {
  next_cursor: string;
  is_full: boolean;
  postings: Record<string, number>;
}

const POLL_MS = 200;
const PAGE_SIZE = 1000;
/** How long a process waits before it tries again to become the one that polls, and after an error. */
const RETRY_MS = 1_000;
const ANSWER_WITHIN_MS = 10_000;
const STOP_MS = 5_000;

/**
 * With these keepalives the server detects a lost machine within 15 seconds; a killed process closes its connection. Notifications are
 * worthless after a crash, so their commits need not wait for the disk or a standby.
 */
const PREPARE = `
set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3;
set synchronous_commit = off`;
/** The lock lasts as long as its transaction, which one connection keeps open for nothing else. */
const WAIT_FOR_TURN = `
set idle_in_transaction_session_timeout = 0; set transaction_timeout = 0;
begin transaction isolation level read committed`;
const TAKE_TURN = 'select gateway.take_poller_turn() as is_ours';

/** One process polls at a time; when it ends, another takes over. */
export class Poller {
  readonly #pool: Pool;
  readonly #onPostings: PollerOptions['onPostings'];
  readonly #onRound: PollerOptions['onRound'];
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #lastError = '';

  /** Starts polling as soon as the database can be reached. */
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

  /** Lets the current page finish, for a limited time. */
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

  /** Each start begins at the end of the feed and notifies every subscriber, because it is unknown which changes were missed. */
  async #pollWhile(keeper: PoolClient): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await within(ANSWER_WITHIN_MS, client.query(PREPARE));
      let cursor: string | undefined;
      while (!this.#isStopping) {
        // Fails if the lock was lost with its connection.
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

  /** Logs an error once, however often it repeats. */
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
