/** The ways to the ledger: a job's own session, and the gateway. Each returns what its caller then knows. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { RECEIPT, type Answer } from '../../../src/testing.ts';
import { callAll, postBatch, postEach, type Receipt, type Refusal, type Session } from '../helpers.ts';
import type { Gateway } from './gateway.ts';
import { AN_OPERATORS, callOf, type Operation, type Posting } from './operations.ts';
import { itemOutcomeOf, outcomeOfError, outcomeOfFetchError, outcomeOfGraphqlError, type Outcome } from './outcome.ts';

export interface Door {
  /** Whether it has a way to ask for this at all. */
  takes(operation: Operation): boolean;
  post(operation: Operation): Promise<Outcome>;
  /** The wallet's newest entry; undefined where nobody answers. */
  balance(wallet: string): Promise<Balance | undefined>;
  close(): Promise<void>;
}

export interface Balance {
  seq: string;
  balance: string;
}

/** Longer than a lock is waited for: who gives up earlier has more doubts than he needs. */
const ANSWER_WITHIN_MS = 3_000;

/** PostgreSQL's function that warns where a commit was no longer to wait for its standby. */
const UNCONFIRMED = 'SyncRepWaitForLSN';

/** Times as GraphQL writes them, to the microsecond. */
export const TYPES = new pg.TypeOverrides();
TYPES.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => {
  const [, day, second, fraction = ''] = /^(\S+) ([\d:]+)\.?(\d*)\+00$/.exec(text) ?? [];
  return `${day}T${second}.${fraction.padEnd(6, '0')}+00:00`;
});

export class JobDoor implements Door {
  readonly #url: string;
  readonly #isPrepared: boolean;
  readonly #patience: number;
  #session: pg.Client | undefined;
  #isUnconfirmed = false;

  /** With `isPrepared`, calls are named statements; with `patience`, it waits that many times as long. */
  constructor(url: string, isPrepared: boolean, patience = 1) {
    this.#url = url;
    this.#isPrepared = isPrepared;
    this.#patience = patience;
  }

  takes({ postings }: Operation): boolean {
    return postings.every(({ kind }) => !AN_OPERATORS.includes(kind));
  }

  async post(operation: Operation): Promise<Outcome> {
    let isSent = false;
    this.#isUnconfirmed = false;
    try {
      const session = await this.#open();
      if (operation.shape === 'group') {
        isSent = true;
        const outcomes = await postEach(session, operation.postings.map(itemOf), operation.waits);
        return this.#confirmed({ kind: 'each', items: outcomes.map(itemOutcomeOf) });
      }
      if (operation.shape !== 'transaction') {
        isSent = true;
        const [posting] = operation.postings;
        const receipts =
          operation.shape === 'batch'
            ? await postBatch(session, operation.postings.map(itemOf))
            : await this.#call(session, posting);
        return this.#confirmed({ kind: 'done', receipts });
      }
      await session.query('begin');
      const receipts: Receipt[] = [];
      for (const posting of operation.postings) receipts.push(...(await this.#call(session, posting)));
      if (operation.rollsBack) {
        await session.query('rollback');
        return { kind: 'refused', code: 'rolled back by the client' };
      }
      isSent = true;
      await session.query('commit');
      return this.#confirmed({ kind: 'done', receipts });
    } catch (error) {
      const outcome = outcomeOfError(error, isSent);
      await this.#recover(error);
      return outcome;
    }
  }

  async balance(wallet: string): Promise<Balance | undefined> {
    try {
      const session = await this.#open();
      const [balance] = await callAll<Balance>(session, 'wallet_balance', { wallet_id: wallet });
      return balance;
    } catch (error) {
      await this.#recover(error);
      return undefined;
    }
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.end().catch(() => undefined);
  }

  async #open(): Promise<pg.Client> {
    if (this.#session) return this.#session;
    const session = new pg.Client({
      connectionString: this.#url,
      types: TYPES,
      connectionTimeoutMillis: ANSWER_WITHIN_MS * this.#patience,
      query_timeout: ANSWER_WITHIN_MS * this.#patience,
      lock_timeout: 1_000 * this.#patience,
      statement_timeout: 2_000 * this.#patience,
      idle_in_transaction_session_timeout: 5_000 * this.#patience,
    });
    session.on('error', () => undefined);
    session.on('notice', ({ routine }) => {
      if (routine === UNCONFIRMED) this.#isUnconfirmed = true;
    });
    await session.connect();
    this.#session = session;
    return session;
  }

  #confirmed(outcome: Outcome): Outcome {
    return this.#isUnconfirmed ? { kind: 'unknown', code: 'not confirmed by the standby' } : outcome;
  }

  async #call(session: pg.Client, posting: Posting | undefined): Promise<Receipt[]> {
    if (!posting) return [];
    const { name, args } = callOf(posting);
    const caller: Session = this.#isPrepared
      ? { query: (text, values) => session.query({ name: nameOf(text), text, values: values ?? [] }) }
      : session;
    return callAll(caller, name, args);
  }

  /** After an error of the server the session goes on, otherwise it is given up without waiting for its end. */
  async #recover(error: unknown): Promise<void> {
    const session = this.#session;
    const isOver = !(error instanceof pg.DatabaseError) || ['FATAL', 'PANIC'].includes(error.severity ?? '');
    if (
      session &&
      !isOver &&
      (await session.query('rollback').then(
        () => true,
        () => false,
      ))
    )
      return;
    this.#session = undefined;
    const { stream } =
      (session as unknown as { connection?: { stream: { destroy(): void } } } | undefined)?.connection ?? {};
    stream?.destroy();
  }
}

export class GatewayDoor implements Door {
  readonly #gateway: Gateway;
  readonly #token: string;

  constructor(gateway: Gateway, token: string) {
    this.#gateway = gateway;
    this.#token = token;
  }

  /** Each request is a transaction of its own. */
  takes({ shape }: Operation): boolean {
    return shape !== 'transaction';
  }

  async post(operation: Operation): Promise<Outcome> {
    const { field, input, payload, selection } = mutationOf(operation);
    const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
    let answer: Answer;
    try {
      answer = await this.#ask(
        `mutation ($input: ${type}!) { ${field}(input: $input) { ${payload} { ${selection} } } }`,
        { input },
      );
    } catch (error) {
      return outcomeOfFetchError(error);
    }
    const { status, body } = answer;
    const [error] = body.errors ?? [];
    if (error) return outcomeOfGraphqlError(status, error, await this.#gateway.logOf(error.extensions.id));
    const result = (body.data?.[field] as Record<string, unknown> | undefined)?.[payload];
    if (!result) return { kind: 'finding', text: `no receipt: ${status} ${JSON.stringify(body)}` };
    const results = [result].flat() as Record<string, unknown>[];
    if (operation.shape === 'group') return { kind: 'each', items: results.map(outcomeOf).map(itemOutcomeOf) };
    return { kind: 'done', receipts: results.map(receiptOf) };
  }

  async balance(wallet: string): Promise<Balance | undefined> {
    const query = 'query ($wallet: UUID!) { wallet(id: $wallet) { entries(first: 1) { nodes { seq balance } } } }';
    const answer = await this.#ask(query, { wallet }).catch(() => undefined);
    const found = answer?.body.data?.wallet as { entries: { nodes: Balance[] } } | null | undefined;
    return found?.entries.nodes[0];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask(query: string, variables: Record<string, unknown>): Promise<Answer> {
    const response = await fetch(`${this.#gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.#token}` },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }
}

function mutationOf({ shape, postings, waits }: Operation): {
  field: string;
  input: Record<string, unknown>;
  payload: string;
  selection: string;
} {
  const [posting] = postings;
  const requests = postings.map((item) => camelCased(itemOf(item)));
  const selection = RECEIPT;
  if (shape === 'batch') return { field: 'walletPostBatch', input: { requests }, payload: 'receipts', selection };
  if (shape === 'group')
    return {
      field: 'walletPostEach',
      input: { requests, wait: waits },
      payload: 'outcomes',
      selection: `receipt { ${RECEIPT} } refusal { code message detail hint }`,
    };
  if (!posting) throw new Error('nothing to post');
  const { name, args } = callOf(posting);
  return { field: camelCase(name), input: camelCased(args), payload: 'receipt', selection };
}

/** As one of many. */
export function itemOf({
  kind,
  wallet,
  counterparty,
  amount,
  key,
  hold,
  transfer,
  expiresAt,
  metadata,
  toAmount,
  bonusAmount,
  side,
  reason,
  owe,
}: Posting) {
  return {
    kind,
    wallet_id: wallet,
    counterparty_id: counterparty ?? null,
    amount: amount === null ? null : String(amount),
    idem_key: key,
    expires_at: expiresAt ?? null,
    metadata,
    hold_id: hold ?? null,
    transfer_id: transfer ?? null,
    to_amount: toAmount === undefined ? null : String(toAmount),
    bonus_amount: bonusAmount === undefined ? null : String(bonusAmount),
    side: side ?? null,
    reason: reason ?? null,
    owe: owe ?? null,
  };
}

function outcomeOf({ receipt, refusal }: Record<string, unknown>) {
  return {
    receipt: receipt ? receiptOf(receipt as Record<string, unknown>) : null,
    refusal: refusal as Refusal | null,
  };
}

function receiptOf(receipt: Record<string, unknown>): Receipt {
  const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(receipt).map(([name, value]) => [snake(name), value])) as unknown as Receipt;
}

function camelCased(args: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [camelCase(name), value as unknown]),
  );
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A statement's name has 63 bytes at most. */
function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
