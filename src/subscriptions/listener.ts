/** Listens to the database's notifications, on one connection per process, opened at the first subscription. */
import type { Notification, Pool, PoolClient, QueryResult } from 'pg';
import { WakeUps } from './wake_ups.ts';
import { within } from '../within.ts';

/** A notification on this channel means that any wallet may have changed: every subscriber reads again. */
const EVERY_WALLET = 'wallets';
/** The payload: the number of a wallet's newest entry. */
const ENTRY = /^\d{1,19}$/;
const ANSWER_WITHIN_MS = 5_000;
/**
 * How often to check the session: a lost connection is not always reported, and a pooler may have assigned the session to another client.
 */
const CHECK_MS = 10_000;
const CHECK = `select from pg_listening_channels() channel where channel = '${EVERY_WALLET}'`;

interface Topic {
  listening: Promise<unknown>;
  signals: Set<Signal>;
}

/**
 * Notifications during a lost connection cannot be recovered. So all subscriptions end with the connection: `onLost` must end the
 * operations that use them.
 */
export class Listener {
  readonly #pool: Pool;
  readonly #onLost: (error: Error) => void;
  readonly #topics = new Map<string, Topic>();
  readonly #wakeUps = new WakeUps(() => this.#everybody());
  #connection: Connection | undefined;

  constructor(pool: Pool, onLost: (error: Error) => void) {
    this.#pool = pool;
    this.#onLost = onLost;
  }

  /**
   * Resolves when the database listens: later changes are not missed. The first event comes at once, so that the subscriber reads the state
   * that later events change. `writable` delays events while the client reads slowly.
   */
  async subscribe(wallet: string, writable: () => Promise<void>): Promise<AsyncIterableIterator<string>> {
    const channel = `wallet:${wallet}`;
    const signal = new Signal(wallet, writable, () => {
      this.#wakeUps.forget(signal);
      this.#leave(channel, signal);
    });
    const topic = this.#topics.get(channel) ?? this.#open(channel);
    topic.signals.add(signal);
    try {
      await topic.listening;
      return signal;
    } catch (error) {
      await signal.return();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #open(channel: string): Topic {
    const topic = { listening: this.#send(`listen "${channel}"`), signals: new Set<Signal>() };
    this.#topics.set(channel, topic);
    return topic;
  }

  #leave(channel: string, signal: Signal): void {
    const topic = this.#topics.get(channel);
    if (!topic?.signals.delete(signal) || topic.signals.size > 0) return;
    this.#topics.delete(channel);
    // If it fails, the connection is lost anyway.
    this.#send(`unlisten "${channel}"`).catch(() => undefined);
  }

  #send(command: string): Promise<unknown> {
    this.#connection ??= new Connection(this.#pool, {
      onNotification: (notification) => this.#wake(notification),
      onLost: (connection, error) => this.#lose(connection, error),
    });
    return this.#connection.send(command);
  }

  /** Ignores payloads that the poller does not write: any login of the database can send notifications. */
  #wake({ channel, payload = '' }: Notification): void {
    if (channel === EVERY_WALLET && payload === '') this.#wakeUps.wakeAll();
    else if (ENTRY.test(payload)) this.#wakeUps.wake(this.#topics.get(channel)?.signals ?? []);
  }

  *#everybody(): Iterable<Signal> {
    for (const { signals } of this.#topics.values()) yield* signals;
  }

  #lose(connection: Connection, error: Error): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#topics.clear();
    this.#onLost(error);
  }
}

/** One subscriber's events: several changes before the next read are one event. */
class Signal implements AsyncIterableIterator<string> {
  readonly #wallet: string;
  readonly #writable: () => Promise<void>;
  readonly #leave: () => void;
  #isChanged = true;
  #hasEnded = false;
  #resume: () => void = () => undefined;

  constructor(wallet: string, writable: () => Promise<void>, leave: () => void) {
    this.#wallet = wallet;
    this.#writable = writable;
    this.#leave = leave;
  }

  wake(): void {
    this.#isChanged = true;
    this.#resume();
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    await this.#writable();
    while (!this.#isChanged && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
      await this.#writable();
    }
    if (this.#hasEnded) return { done: true, value: undefined };
    this.#isChanged = false;
    return { done: false, value: this.#wallet };
  }

  return(): Promise<IteratorResult<string, undefined>> {
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#leave();
      this.#resume();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

interface Events {
  onNotification: (notification: Notification) => void;
  onLost: (connection: Connection, error: Error) => void;
}

/** Sends commands in sequence; any failure ends the connection. */
class Connection {
  readonly #events: Events;
  readonly #check: NodeJS.Timeout;
  #client: Promise<PoolClient>;
  #sent: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(pool: Pool, events: Events) {
    this.#events = events;
    this.#client = this.#open(pool);
    this.#check = setInterval(() => {
      this.#checkSession();
    }, CHECK_MS);
  }

  send(command: string): Promise<QueryResult> {
    const answer = this.#sent.then(async () => {
      const client = await this.#client;
      return within(ANSWER_WITHIN_MS, client.query(command));
    });
    this.#sent = answer;
    answer.catch((error: unknown) => this.#lose(error as Error));
    return answer;
  }

  #checkSession(): void {
    this.send(CHECK).then(
      ({ rowCount }) => {
        if (rowCount !== 1) this.#lose(new Error('the session is not kept'));
      },
      () => undefined,
    );
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#check);
    const client = await this.#client.catch(() => undefined);
    client?.release(true);
  }

  async #open(pool: Pool): Promise<PoolClient> {
    const client = await pool.connect();
    client.on('notification', this.#events.onNotification);
    client.on('error', (error) => this.#lose(error));
    client.on('end', () => this.#lose(new Error('Connection terminated')));
    await within(ANSWER_WITHIN_MS, client.query(`listen "${EVERY_WALLET}"`)).catch((error: unknown) => {
      client.release(true);
      throw error;
    });
    return client;
  }

  #lose(error: Error): void {
    if (this.#isOver) return;
    this.#events.onLost(this, error);
    void this.close();
  }
}
