/** A pool whose callers wait for a connection when the server has none left, instead of failing at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** There was no connection, so nothing was executed. Code and message are those of the cause. */
export class NoConnection extends Error {
  override name = 'NoConnection';
  readonly code: string | undefined;

  constructor(cause: unknown) {
    const { code, message } = cause as { code?: string; message: string };
    // With several unreachable addresses the error has only a code.
    super(message || (code ?? 'no reason given'), { cause });
    this.code = code;
  }
}

type Callback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: unknown) => void,
) => void;

/** Milliseconds between two attempts to open a further connection during a shortage. */
const LOOK_EVERY_MS = 250;

/**
 * While the server refuses further connections, the pool's maximum is what it has: callers wait for a connection to be released. One
 * attempt at a time tries to open another, however many callers wait.
 */
export class WaitingPool extends pg.Pool {
  readonly #size: number;
  /** How many connections are established. */
  #open = 0;
  /** The server's refusal, until there is room again. */
  #shortage: Error | undefined;

  constructor(config: pg.PoolConfig) {
    super(config);
    this.#size = this.options.max;
    this.on('connect', () => (this.#open += 1));
    this.on('remove', () => {
      this.#open -= 1;
      // Otherwise pg's pool would let the first waiting caller open a new connection at once.
      if (this.#shortage) this.options.max = this.#open;
    });
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Callback): void;
  // pg has both forms; its own query() needs the second.
  override connect(callback?: Callback): Promise<pg.PoolClient> | void {
    const connecting = this.#connect();
    if (!callback) return connecting;
    connecting.then(
      (client) => {
        callback(undefined, client, (release) => {
          client.release(release as boolean);
        });
      },
      (error: unknown) => {
        callback(error as Error, undefined, () => undefined);
      },
    );
  }

  /** If the server refuses a new connection, a second attempt waits: by then the pool counts as full. */
  async #connect(): Promise<pg.PoolClient> {
    try {
      return await super.connect();
    } catch (error) {
      if (!isShortage(error)) throw new NoConnection(error);
      this.#run(error as Error);
    }
    try {
      return await super.connect();
    } catch (error) {
      throw new NoConnection(this.#shortage ?? error);
    }
  }

  #run(shortage: Error): void {
    const isNew = this.#shortage === undefined;
    this.#shortage = shortage;
    this.options.max = this.#open;
    if (isNew) void this.#lookForMore();
  }

  async #lookForMore(): Promise<void> {
    for (let hasFailed = true; ;) {
      if (hasFailed) await sleep(LOOK_EVERY_MS, undefined, { ref: false });
      if (this.ending || this.waitingCount === 0 || this.#open >= this.#size) break;
      hasFailed = !(await this.#hasOneMore());
    }
    this.#shortage = undefined;
    this.options.max = this.#size;
  }

  async #hasOneMore(): Promise<boolean> {
    // Another connection is being opened.
    if (this.totalCount > this.#open) return false;
    this.options.max = this.#open + 1;
    const connecting = super.connect();
    this.options.max = this.#open;
    try {
      const client = await connecting;
      client.release();
      return true;
    } catch (error) {
      if (isShortage(error)) this.#shortage = error as Error;
      return false;
    }
  }
}

/** PostgreSQL's code also covers the limits of a login or database and reserved slots; PgBouncer's error is known by its text. */
function isShortage(error: unknown): boolean {
  const { code, message } = error as { code?: string; message: string };
  return code === '53300' || (code === '08P01' && message.startsWith('no more connections allowed'));
}
