/**
 * Sends the calls of flows. A call that comes alone is sent at once, as it is. Calls of one caller that come while others of theirs are in
 * flight are sent together, each with an outcome of its own: that costs the database and this process a fraction.
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

/** Whose grants and name a call has: what goes together has the same. */
export interface Caller {
  role: Role;
  sub: string;
  settings: Record<string, string | undefined>;
}

export interface PosterOptions {
  posting: WithPgClient<NodePostgresPgClient>;
  /** Otherwise each call is sent alone. */
  grouping: boolean;
}

interface Call {
  flow: Flow;
  /** By the attributes of a request. */
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
  /** Not sent yet, in the order in which they came. */
  waiting: Call[];
  /** Whether a group is in flight, or a connection is waited for. */
  isSending: boolean;
  /** Whether a call is in flight that came alone. It may wait for its wallet: groups go on beside it. */
  hasAlone: boolean;
}

const MAX_GROUP = 32;
/** The values of a group have to fit into memory several times. */
const MAX_LENGTH = 20_000;
/** Another session has locked a wallet of the call, and a group does not wait for that. */
const SKIPPED = '55P03';

export class Poster {
  readonly #posting: PosterOptions['posting'];
  readonly #grouping: boolean;
  readonly #queues = new Map<string, Queue>();
  /** Wallets that calls in flight are about, and how many calls: no group takes such a wallet, which it would have to skip. */
  readonly #busy = new Map<string, number>();
  /** Queues in which all that waits is for busy wallets. */
  readonly #blocked = new Set<Queue>();

  constructor({ posting, grouping }: PosterOptions) {
    this.#posting = posting;
    this.#grouping = grouping;
  }

  /** Resolves after the commit; rejects with what the single call's error tells. `input` as GraphQL has read it. */
  async post(flow: Flow, input: Readonly<Record<string, unknown>>, caller: Caller): Promise<Receipt> {
    const call = callOf(flow, input);
    if (!this.#grouping || !flow.groupedFor.includes(caller.role) || lengthOf(call) > MAX_LENGTH)
      return this.#sendAlone(call, caller.settings);
    const queue = this.#queueOf(caller);
    queue.waiting.push(call);
    // Otherwise it is looked at when its wallet is free.
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

  /** One group of a caller at a time: while it is in flight the next one is gathered. */
  #start(queue: Queue): void {
    if (queue.isSending) return;
    queue.isSending = true;
    // It is on behalf of many, not of the call that happens to begin it.
    void untraced(() => this.#send(queue));
  }

  #goOn(queue: Queue): void {
    if (queue.waiting.some((call) => this.#isFree(call))) this.#start(queue);
    else if (queue.waiting.length > 0) this.#blocked.add(queue);
    else if (!queue.isSending && !queue.hasAlone) this.#queues.delete(queue.key);
  }

  /** On the next free connection; by then more may have come. Always resolves. */
  async #send(queue: Queue): Promise<void> {
    const last = queue.waiting.at(-1);
    const state = { isConnected: false, isFirst: false };
    try {
      await this.#posting(queue.settings, async (client) => {
        state.isConnected = true;
        // Calls that have arrived and are not read yet go along. One that comes alone does not wait for that.
        if (queue.hasAlone) await setImmediate();
        const calls = this.#take(queue);
        const [first] = calls;
        state.isFirst = calls.length === 1 && !queue.hasAlone;
        if (first && state.isFirst) await this.#sendFirst(client, first, queue);
        else if (first) await this.#sendGroup(client, calls, queue.settings);
      });
    } catch (error) {
      // What was sent has its answer. Without a connection nothing was; who came later may have better luck.
      const failed = state.isConnected ? 0 : queue.waiting.findIndex((call) => call === last) + 1;
      for (const { answer } of queue.waiting.splice(0, failed)) answer.reject(error);
    }
    if (!state.isFirst) queue.isSending = false;
    this.#goOn(queue);
  }

  /** The calls that go now: the first ones whose wallets are free. */
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

  /** Those that come meanwhile do not wait for it. */
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

  /** Others may have their wallets now. */
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

/** Sends them as one statement, and what comes of each is its own. */
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

/** Of its row; the columns behind those of the receipt are of a refusal. */
function outcomeOf({ flow: { columns } }: Call, rows: readonly (string | null)[][], index: number): Receipt {
  const row = rows[index];
  if (!row) throw new Error(`no outcome for call ${index} of a group`);
  const [code, message, detail, hint] = row.slice(columns.length);
  if (code === null || code === undefined) return receiptOf(columns, row);
  throw new Refused({ code, message: message ?? '', detail: detail ?? '', hint: hint ?? '' });
}

/**
 * Whether nothing came of the call, and not because of what it asks: it was not tried, as somebody else has a wallet of it; or another one
 * of the group failed. The server's own error comes once all is undone; any other leaves in doubt what was booked.
 */
function isUndone(outcome: PromiseSettledResult<Receipt> | undefined): boolean {
  const reason: unknown = outcome?.status === 'rejected' ? outcome.reason : undefined;
  return reason instanceof Refused ? reason.code === SKIPPED : reason instanceof pg.DatabaseError;
}
