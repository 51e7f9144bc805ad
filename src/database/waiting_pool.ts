/** A pool whose callers wait for a connection where the server has none left, instead of failing at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** No connection came about, so that nothing has been done. Code and words are those of the cause. */
export class NoConnection extends Error {
  override name = 'NoConnection';
  readonly code: string | undefined;

  constructor(cause: unknown) {
    const { code, message } = cause as { code?: string; message: string };
    // Of several addresses that cannot be reached there is only a code.
    super(message || (code ?? 'no reason given'), { cause });
    this.code = code;
  }
}

type Callback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: unknown) => void,
) => void;

/** Until it is tried again whether the server has room for one more. */
const LOOK_EVERY_MS = 250;

/**
 * While the server is short of connections, the pool is as large as what it has: whoever comes waits for one that is given back. One
 * attempt at a time looks for another, however many wait.
 */
export class WaitingPool extends pg.Pool {
  readonly #size: number;
  /** Connections that have come about and are not gone. */
  #open = 0;
  /** Why there are no more, as long as that is so. */
  #shortage: Error | undefined;

  constructor(config: pg.PoolConfig) {
    super(config);
    this.#size = this.options.max;
    this.on('connect', () => (this.#open += 1));
    this.on('remove', () => {
      this.#open -= 1;
      // Otherwise whoever waits longest would try in its place.
      if (this.#shortage) this.options.max = this.#open;
    });
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Callback): void;
  // Both forms are pg's, and its own query() needs the second.
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

  /** A caller for whom there is none joins those who wait, once: then the pool is full. */
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
    // One that is about to fail, or to come about.
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

/** PostgreSQL's own code, also for the limits of a login or a database and for reserved slots; PgBouncer has words. */
function isShortage(error: unknown): boolean {
  const { code, message } = error as { code?: string; message: string };
  return code === '53300' || (code === '08P01' && message.startsWith('no more connections allowed'));
}
