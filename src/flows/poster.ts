/**
 * Sends the calls of flows. A single call is sent at once. Calls that come while others of the same caller are in flight are grouped into
 * one statement, each with its own outcome: that costs the database and this process a fraction.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import type { NodePostgresPgClient } from 'postgraphile/adaptors/pg';
import type { Role } from '../roles.ts';
import { countGroup } from '../observability/metrics.ts';
import { inTrace, traceContext, traceStatement, untraced, type TraceContext } from '../observability/spans.ts';
import { receiptOf, Refused, WALLETS, type Flow, type Receipt } from './flow.ts';

/** All calls of a group have the same caller: its grants and name. */
export interface Caller {
  role: Role;
  sub: string;
  settings: Record<string, string | undefined>;
}

export interface PosterOptions {
  posting: WithPgClient<NodePostgresPgClient>;
  grouping: boolean;
}

interface Call {
  flow: Flow;
  /** By attribute. */
  request: Readonly<Record<string, string | null>>;
  wallets: readonly string[];
  trace: TraceContext;
  since: number;
  answer: PromiseWithResolvers<Receipt>;
}

/** The calls of one caller. */
interface Queue {
  readonly key: string;
  readonly settings: Caller['settings'];
  /** Calls that have not been sent, in order of arrival. */
  waiting: Call[];
  /** Whether a group is in flight or waits for a connection. */
  isSending: boolean;
  /** Whether a single call is in flight. It may wait for its wallet's lock; groups do not wait for it. */
  hasAlone: boolean;
}

const MAX_GROUP = 32;
/** In characters: the values of a group have to fit into memory several times. */
const MAX_LENGTH = 20_000;
/** Another session has locked a wallet of the call; a group skips such calls. */
const SKIPPED = '55P03';

export class Poster {
  readonly #posting: PosterOptions['posting'];
  readonly #grouping: boolean;
  readonly #queues = new Map<string, Queue>();
  /** How many calls in flight use each wallet. A group would skip a call for such a wallet, so it waits. */
  readonly #busy = new Map<string, number>();
  /** Queues whose calls all wait for busy wallets. */
  readonly #blocked = new Set<Queue>();

  constructor({ posting, grouping }: PosterOptions) {
    this.#posting = posting;
    this.#grouping = grouping;
  }

  /** Resolves after the commit; rejects with the error of a single call. `input` is what GraphQL has parsed. */
  async post(flow: Flow, input: Readonly<Record<string, unknown>>, caller: Caller): Promise<Receipt> {
    const call = callOf(flow, input);
    if (!this.#grouping || !flow.groupedFor.includes(caller.role) || lengthOf(call) > MAX_LENGTH)
      return this.#sendAlone(call, caller.settings);
    const queue = this.#queueOf(caller);
    queue.waiting.push(call);
    // A blocked queue goes on when calls release their wallets.
    if (this.#isFree(call)) this.#start(queue);
    else this.#blocked.add(queue);
    return call.answer.promise;
  }

  #queueOf({ role, sub, settings }: Caller): Queue {
    const key = `${role}:${sub}`;
    const queue = this.#queues.get(key) ?? { key, settings, waiting: [], isSending: false, hasAlone: false };
    this.#queues.set(key, queue);
    return queue;
  }

  #isFree({ wallets }: Call): boolean {
    return !wallets.some((wallet) => this.#busy.has(wallet));
  }

  /** Sends one group of a caller at a time; meanwhile the next one collects calls. */
  #start(queue: Queue): void {
    if (queue.isSending) return;
    queue.isSending = true;
    // A group has no single parent span.
    void untraced(() => this.#send(queue));
  }

  #goOn(queue: Queue): void {
    if (queue.waiting.some((call) => this.#isFree(call))) this.#start(queue);
    else if (queue.waiting.length > 0) this.#blocked.add(queue);
    else if (!queue.isSending && !queue.hasAlone) this.#queues.delete(queue.key);
  }

  /** Sends on the next free connection; further calls may join until then. Never rejects. */
  async #send(queue: Queue): Promise<void> {
    const last = queue.waiting.at(-1);
    const state = { isConnected: false, isFirst: false };
    try {
      await this.#posting(queue.settings, async (client) => {
        state.isConnected = true;
        // Requests that have arrived but are unread can join the group. A single call does not wait for them.
        if (queue.hasAlone) await setImmediate();
        const calls = this.#take(queue);
        const [first] = calls;
        state.isFirst = calls.length === 1 && !queue.hasAlone;
        if (first && state.isFirst) await this.#sendFirst(client, first, queue);
        else if (first) await this.#sendGroup(client, calls, queue.settings);
      });
    } catch (error) {
      // Calls that were sent have their outcome. Without a connection, all calls that were waiting at the start fail; later ones are tried
      // again.
      const failed = state.isConnected ? 0 : queue.waiting.findIndex((call) => call === last) + 1;
      for (const { answer } of queue.waiting.splice(0, failed)) answer.reject(error);
    }
    if (!state.isFirst) queue.isSending = false;
    this.#goOn(queue);
  }

  #take(queue: Queue): Call[] {
    const calls: Call[] = [];
    const left: Call[] = [];
    for (const call of queue.waiting) (calls.length < MAX_GROUP && this.#isFree(call) ? calls : left).push(call);
    queue.waiting = left;
    for (const wallet of calls.flatMap(({ wallets }) => wallets))
      this.#busy.set(wallet, (this.#busy.get(wallet) ?? 0) + 1);
    const now = performance.now();
    countGroup(calls.map(({ since }) => (now - since) / 1000));
    return calls;
  }

  /** Later calls do not wait for this one. */
  async #sendFirst(client: NodePostgresPgClient, call: Call, queue: Queue): Promise<void> {
    [queue.isSending, queue.hasAlone] = [false, true];
    const sent = inTrace(call.trace, () => queryAlone(client, call));
    this.#goOn(queue);
    await this.#settle(call, sent);
    queue.hasAlone = false;
  }

  async #sendGroup(client: NodePostgresPgClient, calls: Call[], settings: Caller['settings']): Promise<void> {
    const outcomes = await Promise.allSettled(queryGroup(client, calls));
    const isToRepeat = (_call: Call, index: number): boolean => isUndone(outcomes[index]);
    calls.forEach(({ answer }, index) => {
      const outcome = outcomes[index];
      if (outcome?.status === 'fulfilled') answer.resolve(outcome.value);
      else if (!isUndone(outcome)) answer.reject(outcome?.reason);
    });
    this.#release(calls.filter((call, index) => !isToRepeat(call, index)));
    for (const call of calls.filter(isToRepeat))
      void this.#settle(
        call,
        inTrace(call.trace, () => this.#sendAlone(call, settings)),
      );
  }

  #sendAlone(call: Call, settings: Caller['settings']): Promise<Receipt> {
    return this.#posting<Receipt>(settings, (client) => queryAlone(client, call));
  }

  async #settle(call: Call, outcome: Promise<Receipt>): Promise<void> {
    await outcome.then(call.answer.resolve, call.answer.reject);
    this.#release([call]);
  }

  #release(calls: readonly Call[]): void {
    for (const wallet of calls.flatMap(({ wallets }) => wallets)) {
      const others = (this.#busy.get(wallet) ?? 1) - 1;
      if (others === 0) this.#busy.delete(wallet);
      else this.#busy.set(wallet, others);
    }
    for (const queue of [...this.#blocked]) {
      this.#blocked.delete(queue);
      this.#goOn(queue);
    }
  }
}

function callOf(flow: Flow, input: Readonly<Record<string, unknown>>): Call {
  const request: Record<string, string | null> = { kind: flow.kind };
  for (const { attribute, field, encode } of flow.args) request[attribute] = encode(input[field]);
  const wallets = WALLETS.map((attribute) => request[attribute]?.toLowerCase()).filter((id) => id !== undefined);
  return { flow, request, wallets, trace: traceContext(), since: performance.now(), answer: Promise.withResolvers() };
}

function lengthOf({ request }: Call): number {
  return Object.values(request).reduce((length, value) => length + (value?.length ?? 0), 0);
}

async function queryAlone(client: NodePostgresPgClient, { flow, request }: Call): Promise<Receipt> {
  const values = flow.args.map(({ attribute }) => request[attribute] ?? null);
  const { rows } = await client.query<(string | null)[]>({ text: flow.text, values, arrayMode: true });
  return receiptOf(flow.columns, rows[0] ?? []);
}

/** Sends one statement; each call has its own outcome. */
function queryGroup(client: NodePostgresPgClient, calls: Call[]): Promise<Receipt>[] {
  const group = calls[0]?.flow.group;
  if (!group) return [];
  const values = group.attributes.map((attribute) => calls.map(({ request }) => request[attribute] ?? null));
  const answer = client.query<(string | null)[]>({ text: group.text, values, arrayMode: true });
  const name = { 'db.operation.batch.size': calls.length, 'wallet.group.id': randomUUID() };
  return calls.map((call, index) =>
    inTrace(call.trace, () =>
      traceStatement(group.text, () => answer.then(({ rows }) => outcomeOf(call, rows, index)), name),
    ),
  );
}

/** The columns after those of the receipt describe a refusal. */
function outcomeOf({ flow: { columns } }: Call, rows: readonly (string | null)[][], index: number): Receipt {
  const row = rows[index];
  if (!row) throw new Error(`no outcome for call ${index} of a group`);
  const [code, message, detail, hint] = row.slice(columns.length);
  if (code === null || code === undefined) return receiptOf(columns, row);
  throw new Refused({ code, message: message ?? '', detail: detail ?? '', hint: hint ?? '' });
}

/**
 * Whether the call changed nothing and may succeed alone: the group skipped it because another session had locked its wallet, or another
 * call made the group fail. After the server's own error all is rolled back; after any other the outcome is unknown.
 */
function isUndone(outcome: PromiseSettledResult<Receipt> | undefined): boolean {
  const reason: unknown = outcome?.status === 'rejected' ? outcome.reason : undefined;
  return reason instanceof Refused ? reason.code === SKIPPED : reason instanceof pg.DatabaseError;
}
