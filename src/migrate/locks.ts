/** Takes locks in short attempts: a pending lock request blocks all later ones, so that calls would wait behind it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { UnreachableError } from '../exit.ts';
import { log } from '../observability/log.ts';

/** Shorter than the lock timeout of a posting call; the pause lets the calls that queued behind the attempt run. */
export const LOCK_TIMEOUT_MS = 1_000;
const PAUSE_MS = 1_000;
const LOOK_EVERY_MS = 100;
/** How many attempts may fail, after the deadline, before a blocker has been seen. */
const BLIND_TURNS = 10;

export interface Turns {
  /** What needs the locks, for the log. */
  what: string;
  /** No attempt begins later, by the clock of this process. */
  deadline: number;
  /** Finds out who blocks the server process `pid` during an attempt. */
  watcher: pg.Client;
  pid: () => number | undefined;
  /** Further SQLSTATEs after which to try again. */
  also?: readonly string[];
}

const BLOCKERS = `
select b.pid, a.usename as login, a.application_name as application, a.state
from unnest(pg_blocking_pids($1)) b (pid) left join pg_stat_activity a on a.pid = b.pid
limit 3`;

interface Blocker {
  pid: number;
  login: string | null;
  application: string | null;
  state: string | null;
}

export const pidOf = (client: pg.ClientBase): number | undefined => (client as { processID?: number }).processID;

/** Repeats `turn` until it gets its locks. An attempt that fails must leave nothing behind, or continue where the last one ended. */
export async function inTurns<T>(turns: Turns, turn: () => Promise<T>): Promise<T> {
  for (let count = 1, blindly = 0; ; count += 1) {
    const watch = new Watch(turns);
    try {
      const result = await turn();
      if (count > 1) log.info({ what: turns.what, turns: count }, 'migrate got its locks');
      return result;
    } catch (error) {
      if (!isPassing(error, turns.also)) throw error;
      await watch.end();
      const { blockers } = watch;
      blindly += blockers === '' ? 1 : 0;
      const isLate = Date.now() > turns.deadline && (blockers !== '' || blindly >= BLIND_TURNS);
      if (isLate) throw new UnreachableError(tooLate(turns.what, blockers, error as Error), { cause: error });
      log.warn(
        { what: turns.what, blockedBy: blockers || (error as Error).message, turns: count },
        'migrate waits for a lock',
      );
    } finally {
      await watch.end();
    }
    await sleep(PAUSE_MS);
  }
}

function tooLate(what: string, blockers: string, error: Error): string {
  if (blockers === '') return `${what} could not be done in time: ${error.message}`;
  return `${what} did not get its locks in time, because of ${blockers}: wait until that ends, or end it with pg_terminate_backend, and migrate again`;
}

/** The lock was not free; a deadlock; or two sessions changed the same catalogue row. */
function isPassing(error: unknown, also: readonly string[] = []): boolean {
  const { code = '', message } = error as { code?: string; message: string };
  return ['55P03', '40P01', ...also].includes(code) || (code === 'XX000' && message.includes('concurrently updated'));
}

class Watch {
  /** The sessions that blocked the attempt, as text. */
  blockers = '';
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;

  constructor({ watcher, pid }: Turns) {
    this.#watching = this.#keepLooking(watcher, pid);
  }

  async end(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  async #keepLooking(watcher: pg.Client, pid: Turns['pid']): Promise<void> {
    const { signal } = this.#stopping;
    // Resolves to false when the watch ends.
    const pause = () => sleep(LOOK_EVERY_MS, true, { signal }).catch(() => false);
    while (await pause()) {
      const waiting = pid();
      const rows = waiting === undefined ? [] : await look(watcher, waiting).catch(() => []);
      if (rows.length > 0) this.blockers = rows.map(inWords).join(', ');
    }
  }
}

async function look(watcher: pg.Client, pid: number): Promise<Blocker[]> {
  // The view is cached for the length of a transaction, and `watcher` may be in one.
  await watcher.query('select pg_stat_clear_snapshot()');
  return (await watcher.query<Blocker>(BLOCKERS, [pid])).rows;
}

function inWords({ pid, login, application, state }: Blocker): string {
  if (pid === 0) return 'a prepared transaction (see pg_prepared_xacts)';
  const facts = [login && `login ${login}`, application && `application ${application}`, state];
  return `process ${pid} (${facts.filter(Boolean).join(', ')})`;
}
