/**
 * Runs transactions of several sessions, one statement at a time, in all orders that can matter. A session that waits for a lock stays
 * waiting while others continue, as in PostgreSQL's isolation tester.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Session } from '../helpers.ts';

export const LEVELS = ['read committed', 'repeatable read', 'serializable'] as const;
export type Level = (typeof LEVELS)[number];

/** A transaction: begin with a first read, which takes the snapshot; the call; the end. */
export interface Transaction {
  client: pg.Client;
  read: (client: Session) => Promise<unknown>;
  call: (client: Session) => Promise<unknown>;
  end: 'commit' | 'rollback';
}

/** The outcome of a transaction: an answer that was committed or rolled back, or an error code. */
export interface Outcome {
  answer?: unknown;
  code?: string;
  ended: 'commit' | 'rollback';
}

/** The possible and the chosen transaction of a step, by index. */
export interface Turn {
  enabled: number[];
  chosen: number;
}

const LIMIT_MS = 60_000;
const POLL_MS = 1;
const pidOf = (client: pg.Client) => (client as pg.Client & { processID: number }).processID;

type Next = 'snapshot' | 'call' | 'end' | 'nothing';

class Running {
  next: Next = 'snapshot';
  /** The statement that has been sent without an answer yet. */
  waiting: Promise<void> | undefined;
  readonly outcome: Outcome;
  readonly transaction: Transaction;

  constructor(transaction: Transaction) {
    this.transaction = transaction;
    this.outcome = { ended: transaction.end };
  }

  send(level: Level): void {
    const { client, read, call, end } = this.transaction;
    if (this.next === 'snapshot') {
      this.next = 'call';
      this.#wait(client.query(`begin isolation level ${level}`).then(() => read(client)));
    } else if (this.next === 'call') {
      this.next = 'end';
      this.#wait(
        call(client).then((answer) => {
          this.outcome.answer = answer;
        }),
      );
    } else {
      this.next = 'nothing';
      this.#wait(client.query(end));
    }
  }

  #wait(statement: Promise<unknown>): void {
    this.waiting = statement
      .then(
        () => undefined,
        (error: unknown) => {
          if (!(error instanceof pg.DatabaseError)) throw error;
          this.outcome.code ??= error.code ?? '';
        },
      )
      .finally(() => {
        this.waiting = undefined;
      });
  }
}

/** Runs transactions in the order of `plan`, then in any order. */
export async function runSchedule(
  monitor: Session,
  level: Level,
  transactions: Transaction[],
  plan: number[],
  alike: boolean,
): Promise<{ outcomes: Outcome[]; turns: Turn[] }> {
  const running = transactions.map((transaction) => new Running(transaction));
  const turns: Turn[] = [];
  // At READ COMMITTED each statement has its own snapshot: the first read makes no difference.
  if (level === 'read committed') {
    for (const one of running) one.send(level);
    await settle(monitor, running);
  }
  let last: Next = 'end';
  let lastPlace = -1;
  for (;;) {
    const enabled = running.flatMap(({ next, waiting }, place) => {
      if (waiting || next === 'nothing') return [];
      // A snapshot contains everything committed before: its position between two commits makes no difference, nor does the order of two
      // snapshots.
      if (next === 'snapshot' && !(last === 'end' || (last === 'snapshot' && lastPlace < place))) return [];
      // Equal transactions begin in order.
      const first = level === 'read committed' ? 'call' : 'snapshot';
      if (alike && next === first && place > 0 && running[place - 1]?.next === first) return [];
      return [place];
    });
    if (enabled.length === 0) {
      const waiting = running.flatMap((one) => one.waiting ?? []);
      if (waiting.length === 0) return { outcomes: running.map(({ outcome }) => outcome), turns };
      // A deadlock, which PostgreSQL ends after a second.
      await within(Promise.race(waiting));
      await settle(monitor, running);
      continue;
    }
    const planned = plan[turns.length] ?? -1;
    const chosen = enabled.includes(planned) ? planned : (enabled[0] ?? 0);
    turns.push({ enabled, chosen });
    const one = running[chosen];
    last = one?.next ?? 'nothing';
    lastPlace = chosen;
    one?.send(level);
    await settle(monitor, running);
  }
}

/** Waits until each sent statement has its answer or waits for a lock. */
async function settle(monitor: Session, running: Running[]): Promise<void> {
  const pids = running.map(({ transaction }) => pidOf(transaction.client));
  for (const deadline = Date.now() + LIMIT_MS; ;) {
    const answers = running.flatMap(({ waiting }) => waiting ?? []);
    if (answers.length === 0) return;
    await Promise.race([Promise.all(answers), sleep(POLL_MS)]);
    const left = running
      .filter(({ waiting }) => waiting !== undefined)
      .map(({ transaction }) => pidOf(transaction.client));
    if (left.length === 0) return;
    const { rows } = await monitor.query<{ waits: boolean }>(
      'select bool_and(pg_blocking_pids(pid) && $2::int[]) as waits from unnest($1::int[]) pid',
      [left, pids],
    );
    if (rows[0]?.waits && left.length === running.filter(({ waiting }) => waiting !== undefined).length) return;
    if (Date.now() > deadline) throw new Error('a session neither ends nor waits for another');
  }
}

async function within(answer: Promise<void>): Promise<void> {
  const late = sleep(LIMIT_MS, 'late' as const, { ref: false });
  if ((await Promise.race([answer, late])) === 'late') throw new Error('a session is stuck');
}

/** Runs each order once: each run reports its alternatives. */
export async function everySchedule(run: (plan: number[]) => Promise<Turn[]>): Promise<number> {
  const open: number[][] = [[]];
  let runs = 0;
  for (let plan = open.pop(); plan; plan = open.pop()) {
    const turns = await run(plan);
    runs += 1;
    const taken = turns.map(({ chosen }) => chosen);
    // If the run could not follow the plan, because the transaction failed earlier than in the previous run, that run has reported the
    // alternatives.
    if (plan.some((planned, turn) => planned !== taken[turn])) continue;
    for (let turn = plan.length; turn < turns.length; turn += 1) {
      for (const other of turns[turn]?.enabled ?? []) {
        if (other !== taken[turn]) open.push([...taken.slice(0, turn), other]);
      }
    }
  }
  return runs;
}
