/**
 * Transactions of several sessions, one statement at a time, in every order that can make a difference. A session that waits for a lock is
 * left waiting while others go on, as PostgreSQL's own isolation tester does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Session } from '../helpers.ts';

export const LEVELS = ['read committed', 'repeatable read', 'serializable'] as const;
export type Level = (typeof LEVELS)[number];

/** A transaction: begin and a first read, which takes the snapshot; the call; the end. */
export interface Transaction {
  client: pg.Client;
  read: (client: Session) => Promise<unknown>;
  call: (client: Session) => Promise<unknown>;
  end: 'commit' | 'rollback';
}

/** What came of a transaction: an answer that was committed or taken back, or the code of an error. */
export interface Outcome {
  answer?: unknown;
  code?: string;
  ended: 'commit' | 'rollback';
}

/** What could have been next at each step, and what was; by the places of the transactions. */
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
  /** The statement that has been sent and has not been answered. */
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

/** Runs transactions in the order of `plan`, and where it ends in any. */
export async function runSchedule(
  monitor: Session,
  level: Level,
  transactions: Transaction[],
  plan: number[],
  alike: boolean,
): Promise<{ outcomes: Outcome[]; turns: Turn[] }> {
  const running = transactions.map((transaction) => new Running(transaction));
  const turns: Turn[] = [];
  // At READ COMMITTED a statement has a snapshot of its own: the first read makes no difference.
  if (level === 'read committed') {
    for (const one of running) one.send(level);
    await settle(monitor, running);
  }
  let last: Next = 'end';
  let lastPlace = -1;
  for (;;) {
    const enabled = running.flatMap(({ next, waiting }, place) => {
      if (waiting || next === 'nothing') return [];
      // Who takes a snapshot sees what has been committed: when exactly between two commits makes no difference, nor in which order.
      if (next === 'snapshot' && !(last === 'end' || (last === 'snapshot' && lastPlace < place))) return [];
      // Of transactions that are alike, the first begins first.
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

/** Until everyone who has been sent a statement has its answer, or waits for somebody. */
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

/** Runs every order once: each run says where it could have gone on otherwise. */
export async function everySchedule(run: (plan: number[]) => Promise<Turn[]>): Promise<number> {
  const open: number[][] = [[]];
  let runs = 0;
  for (let plan = open.pop(); plan; plan = open.pop()) {
    const turns = await run(plan);
    runs += 1;
    const taken = turns.map(({ chosen }) => chosen);
    // Where it could not go as planned, because it was refused earlier than the run before it, that one has said what else there is.
    if (plan.some((planned, turn) => planned !== taken[turn])) continue;
    for (let turn = plan.length; turn < turns.length; turn += 1) {
      for (const other of turns[turn]?.enabled ?? []) {
        if (other !== taken[turn]) open.push([...taken.slice(0, turn), other]);
      }
    }
  }
  return runs;
}
