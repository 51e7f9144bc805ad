/** The model and a database that is asked the same: after each step both must have answered alike, and both must stand alike. */
import { deepStrictEqual } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import {
  call,
  callAll,
  passed,
  postBatch,
  postEach,
  type Receipt as Row,
  refusal,
  UNKNOWN_WALLET,
  type WalletRequest,
} from '../helpers.ts';
import { type Balance, Ledger, ownerOf, type Receipt, Refused, type Request } from './ledger.ts';
import { type Instant, type Limits, openHolds, type Rules, unreserved, type Wallet } from './wallet.ts';

/** What a call came to: its answer, or how it was refused. */
type Outcome<T> = { answer: T } | { code: string; detail: Record<string, unknown> };

const CLOCK = '(extract(epoch from clock_timestamp()) * 1000000)::bigint as now';
/** Soon enough to be waited for, late enough that most of what is asked before comes before: so many calls later, but not earlier than that. */
const SOON_CALLS = 8;
const SOON = 40_000;

/** An instant as the database reads it; a Date would lose the microseconds. */
export const timestamp = (instant: Instant): string =>
  `${new Date(Math.floor(instant / 1000)).toISOString().slice(0, 19)}.${String(instant % 1_000_000).padStart(6, '0')}Z`;

export class Twin {
  readonly ledger: Ledger;
  /** What has been asked for, oldest first. */
  readonly asked: Request[] = [];
  /** How often each outcome came: a receipt, a receipt again, or the code of a refusal. */
  readonly seen: Map<string, number>;
  readonly #client: pg.Client;
  readonly #assets: string[];
  /** The accounts of each asset as others left them. */
  readonly #before = new Map<string, Record<string, bigint>>();
  /** The database's ids of the model's names. */
  readonly #ids = new Map<string, string>();
  /** Of each wallet that may be opened, its owner and asset. */
  readonly #owners = new Map<string, { owner_id: string; asset_code: string }>();
  /** Instants that calls have named and that may still have to come. */
  #instants: Instant[] = [];
  #soon: Instant[] = [];
  /** How many microseconds the last call took: a loaded machine is given time. */
  #took = 0;

  private constructor(client: pg.Client, assets: string[], seen: Map<string, number>) {
    this.#client = client;
    this.#assets = assets;
    this.seen = seen;
    this.ledger = new Ledger(assets);
  }

  /** Knows these wallets, none of which is open yet, and one that is not there. */
  static async start(
    client: pg.Client,
    wallets: Record<string, string>,
    seen = new Map<string, number>(),
  ): Promise<Twin> {
    const assets = [...new Set(Object.values(wallets))];
    const twin = new Twin(client, assets, seen);
    const run = randomUUID();
    for (const [name, asset_code] of Object.entries(wallets)) {
      const owner = { owner_id: `${ownerOf(name)}-${run}`, asset_code };
      const { wallet_id } = await call<{ wallet_id: string }>(client, 'wallet_id', owner);
      twin.#owners.set(name, owner);
      twin.#ids.set(name, wallet_id);
    }
    for (const asset of assets) twin.#before.set(asset, await twin.#accounts(asset));
    twin.#ids.set('nobody', UNKNOWN_WALLET);
    return twin;
  }

  /** The n-th instant to come that everything which falls due soon shares. */
  async soon(place: number): Promise<Instant> {
    const now = await this.#now();
    this.#soon = this.#soon.filter((instant) => instant > now);
    while (this.#soon.length <= place)
      this.#soon.push((this.#soon.at(-1) ?? now) + Math.max(SOON, SOON_CALLS * this.#took));
    return this.#soon[place] ?? 0;
  }

  /** Waits until the first of those instants has passed. */
  async fallDue(): Promise<void> {
    const first = this.#soon.shift();
    if (first !== undefined) await passed(this.#client, timestamp(first));
  }

  async open(name: string): Promise<void> {
    const owner = this.#owners.get(name) ?? { owner_id: '', asset_code: '' };
    const { outcome } = await this.#ask(() => call<{ status: string }>(this.#client, 'wallet_open', owner));
    this.#expectSame(
      outcome,
      predict(() => this.ledger.open(name, owner.asset_code)),
      ({ status }) => status,
      ({ status }) => status,
    );
    await this.expectSameState();
  }

  async post(request: Request): Promise<void> {
    this.asked.push(request);
    const { outcome, now } = await this.#ask(() => this.#call(request));
    this.#expectSameReceipts(
      outcome,
      predict(() => this.ledger.post(request, now)),
    );
    await this.expectSameState();
  }

  async batch(requests: Request[]): Promise<void> {
    this.asked.push(...requests);
    const { outcome, now } = await this.#ask(() => postBatch(this.#client, this.#items(requests)));
    this.#expectSameReceipts(
      outcome,
      predict(() => this.ledger.batch(requests, now)),
    );
    await this.expectSameState();
  }

  /** Many in one call, each for itself. */
  async each(requests: Request[]): Promise<void> {
    this.asked.push(...requests);
    const { outcome, now } = await this.#ask(() => postEach(this.#client, this.#items(requests)));
    if ('code' in outcome) throw new Error(`refused as a whole: ${outcome.code}`);
    deepStrictEqual(outcome.answer.length, requests.length, 'the outcomes');
    for (const [place, request] of requests.entries()) {
      const { receipt, refusal: refused } = outcome.answer[place] ?? {};
      this.#expectSameReceipts(
        receipt ? { answer: receipt } : { code: refused?.code ?? '', detail: refused?.detail ?? {} },
        predict(() => this.ledger.post(request, now)),
      );
    }
    await this.expectSameState();
  }

  async setStatus(name: string, status: Wallet['status']): Promise<void> {
    const called = { open: 'wallet_reopen', frozen: 'wallet_freeze', closed: 'wallet_close' }[status];
    const args = { wallet_id: this.#id(name), reason: 'for a test' };
    const { outcome, now } = await this.#ask(() => call<{ status: string }>(this.#client, called, args));
    this.#expectSame(
      outcome,
      predict(() => this.ledger.setStatus(name, status, now)),
      (wallet) => wallet.status,
      (wallet) => wallet.status,
    );
    await this.expectSameState();
  }

  /** Limits of a wallet, or of the asset of the wallets. */
  async setLimits(name: string | undefined, limits: Limits): Promise<void> {
    const asset = this.#assets[0] ?? '';
    const args = Object.fromEntries(Object.entries(limits).map(([limit, max]) => [limit, String(max)]));
    const { outcome } = await this.#ask(() =>
      name === undefined
        ? call<object>(this.#client, 'asset_limit_set', { asset_code: asset, ...args })
        : call<object>(this.#client, 'wallet_limit_set', { wallet_id: this.#id(name), ...args }),
    );
    this.#expectSame(
      outcome,
      predict(() => {
        if (name === undefined) this.ledger.setRules(asset, { limits });
        else this.ledger.setLimits(name, limits);
      }),
      () => 'set',
      () => 'set',
    );
  }

  async setRules({ collects, unique }: Partial<Rules>): Promise<void> {
    const asset_code = this.#assets[0] ?? '';
    const unique_reference = unique === undefined ? undefined : unique ? 'payment' : '';
    await call<object>(this.#client, 'asset_set', { asset_code, unique_reference, collect_debts: collects });
    this.ledger.setRules(asset_code, {
      ...(collects !== undefined && { collects }),
      ...(unique !== undefined && { unique }),
    });
  }

  async redact(id: string): Promise<void> {
    const args = { transfer_id: this.#id(id), reason: 'a law' };
    const { outcome } = await this.#ask(() => call<object>(this.#client, 'transfer_redact', args));
    const predicted = predict(() => {
      this.ledger.redact(id);
    });
    if ('answer' in predicted) this.#see('redacted');
    this.#expectSame(
      outcome,
      predicted,
      () => 'redacted',
      () => 'redacted',
    );
  }

  async expireDue(): Promise<void> {
    const { outcome, now } = await this.#ask(() =>
      call<{ wallet_expire_due: string }>(this.#client, 'wallet_expire_due', {}),
    );
    this.#expectSame(
      outcome,
      predict(() => this.ledger.expireDue(now)),
      (row) => Number(row.wallet_expire_due),
      (settled) => settled,
    );
    await this.expectSameState();
  }

  /** Balances, lifetime totals, statuses, what the balances are made of, and which holds are open. */
  async expectSameState(): Promise<void> {
    await this.#learnLinks();
    const wallets = this.ledger.wallets;
    const { rows } = await this.#client.query<Record<string, string> & { parts: unknown[]; open: string[] }>(
      `select (extract(epoch from statement_timestamp()) * 1000000)::bigint as now, w.status, b.balance, b.bonus_balance, b.held_balance,
         b.available, b.seq, coalesce(e.topped_up_total, 0) as topped_up, coalesce(e.granted_total, 0) as granted,
         coalesce(e.spent_total, 0) as spent, coalesce(e.sent_total, 0) as sent, coalesce(e.owed, 0) as owed,
         array(select json_build_array(p.source, p.amount::text, (extract(epoch from p.expires_at) * 1000000)::bigint, p.hold_id)
           from ledger.wallet_explain(w.id) p) as parts,
         array(select h.id::text from ledger.wallets_holds(w, true) h where ledger.holds_status(h) = 'open') as open
       from unnest($1::uuid[]) with ordinality u (id, place)
       join ledger.wallets w on w.id = u.id
       cross join lateral ledger.wallet_balance(w.id) b
       left join ledger.entries e on e.wallet_id = w.id and e.seq = b.seq
       order by u.place`,
      [wallets.map(({ name }) => this.#id(name))],
    );
    deepStrictEqual(
      rows.map((row, place) => ({
        wallet: wallets[place]?.name,
        status: row.status,
        balance: balanceOf(row),
        totals: [row.topped_up, row.granted, row.spent, row.sent, row.owed],
        parts: row.parts.map((part) => JSON.stringify(part)).sort(),
        open: [...row.open].sort(),
      })),
      wallets.map((wallet, place) => ({
        wallet: wallet.name,
        status: wallet.status,
        balance: this.ledger.balance(wallet.name, Number(rows[place]?.now)),
        totals: [wallet.toppedUp, wallet.granted, wallet.spent, wallet.sent, wallet.owed].map(String),
        parts: this.#parts(wallet, Number(rows[place]?.now)),
        open: this.#open(wallet, Number(rows[place]?.now)),
      })),
      'the wallets',
    );
  }

  /** Everything that is due is booked, the ledger proves sound, and the accounts stand as in the model. */
  async finish(): Promise<void> {
    if (this.#assets.some((asset) => (this.ledger.accounts(asset).breakage ?? 0n) > 0n)) this.#see('expiry');
    while (this.#soon.length > 0) await this.fallDue();
    await this.expireDue();
    for (const { name } of this.ledger.wallets)
      deepStrictEqual(await callAll(this.#client, 'ledger_verify', { wallet_id: this.#id(name) }), [], 'findings');
    for (const asset of this.#assets) {
      const accounts = await this.#accounts(asset);
      const before = this.#before.get(asset) ?? {};
      deepStrictEqual(
        Object.fromEntries(Object.entries(accounts).map(([name, sum]) => [name, sum - (before[name] ?? 0n)])),
        this.ledger.accounts(asset),
        'the accounts',
      );
    }
  }

  /** Leaves nothing that could fall due later. */
  async abandon(): Promise<void> {
    await this.#client.query('rollback');
    while (this.#soon.length > 0) await this.fallDue();
    await call(this.#client, 'wallet_expire_due', {});
  }

  /**
   * Asks in a transaction of its own, and says when that was. What falls due while it is asked may be due for one and not yet for the
   * other: then it is taken back and asked again.
   */
  async #ask<T>(ask: () => Promise<T>): Promise<{ outcome: Outcome<T>; now: Instant }> {
    for (;;) {
      await this.#client.query('begin');
      const from = await this.#now();
      const asked = ask();
      const outcome = await asked.then(
        (answer): Outcome<T> => ({ answer }),
        async (): Promise<Outcome<T>> => refusal(asked),
      );
      if ('code' in outcome) await this.#client.query('rollback');
      const until = await this.#now();
      this.#took = until - from;
      const moved = this.#instants.some((instant) => instant > from && instant <= until);
      if ('answer' in outcome) await this.#client.query(moved ? 'rollback' : 'commit');
      this.#instants = this.#instants.filter((instant) => instant > from);
      if (!moved) return { outcome, now: from };
    }
  }

  /** What stands in each account of the asset; both sides have the same sum. Two accounts may be on either side. */
  async #accounts(asset_code: string): Promise<Record<string, bigint>> {
    const rows = await callAll<{ account: string; debit: string; credit: string }>(
      this.#client,
      'ledger_trial_balance',
      { asset_code },
    );
    const total = (side: 'debit' | 'credit') => rows.reduce((sum, row) => sum + BigInt(row[side]), 0n);
    deepStrictEqual(total('debit'), total('credit'), 'the trial balance');
    const sums = rows.map(({ account, debit, credit }) => {
      const sign = ['exchange', 'adjustments'].includes(account) ? -1n : 1n;
      return [account, BigInt(debit) + sign * BigInt(credit)];
    });
    const none = Object.keys(this.ledger.accounts(asset_code)).map((account) => [account, 0n]);
    return Object.fromEntries([...none, ...sums]) as Record<string, bigint>;
  }

  async #now(): Promise<Instant> {
    const { rows } = await this.#client.query<{ now: string }>(`select ${CLOCK}`);
    return Number(rows[0]?.now);
  }

  #call({ kind, wallet, to, hold, transfer, amount, key, expiresAt, metadata, ...more }: Request): Promise<Row> {
    const name =
      { reversal: 'reverse', adjustment: 'adjust', collection: 'collect', forgiveness: 'forgive' }[kind as string] ??
      kind;
    return call(this.#client, `wallet_${name}`, {
      [to === undefined ? 'wallet_id' : 'from_wallet']: this.#id(wallet),
      to_wallet: to === undefined ? undefined : this.#id(to),
      hold_id: hold === undefined ? undefined : this.#id(hold),
      transfer_id: transfer === undefined ? undefined : this.#id(transfer),
      amount: kind === 'release' || kind === 'merge' ? undefined : amount,
      idem_key: key,
      expires_at: expiresAt === undefined ? undefined : timestamp(expiresAt),
      metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
      bonus_amount: more.bonus === undefined ? undefined : String(more.bonus),
      side: more.side,
      reason: more.reason,
      owe: more.owe,
      to_amount: typeof more.toAmount === 'bigint' ? String(more.toAmount) : more.toAmount,
    });
  }

  #items(requests: Request[]): WalletRequest[] {
    return requests.map(({ kind, wallet, to, hold, transfer, amount, key, expiresAt, metadata, ...more }) => ({
      kind,
      wallet_id: this.#id(wallet),
      counterparty_id: to === undefined ? null : this.#id(to),
      amount: amount === null ? null : String(amount),
      idem_key: key,
      expires_at: expiresAt === undefined ? null : timestamp(expiresAt),
      metadata: metadata ?? null,
      hold_id: hold === undefined ? null : this.#id(hold),
      transfer_id: transfer === undefined ? null : this.#id(transfer),
      bonus_amount: more.bonus === undefined ? null : String(more.bonus),
      side: more.side ?? null,
      reason: more.reason ?? null,
      owe: more.owe ?? null,
      to_amount: typeof more.toAmount === 'bigint' ? String(more.toAmount) : null,
    }));
  }

  #id(name: string): string {
    const id = this.#ids.get(name);
    if (id === undefined) throw new Error(`no id of ${name}`);
    return id;
  }

  #expectSameReceipts(actual: Outcome<Row | Row[]>, expected: Outcome<Receipt | Receipt[]>): void {
    if ('answer' in actual && 'answer' in expected) {
      for (const [place, row] of [actual.answer].flat().entries()) this.#learn(row, [expected.answer].flat()[place]);
    }
    const what =
      'code' in expected
        ? [expected.code, ...this.#rulesIn(expected.detail).map((rule) => `${expected.code} ${rule}`)]
        : [expected.answer].flat().map(({ kind, replayed }) => `${kind}${replayed ? ' again' : ''}`);
    for (const one of what) this.#see(one);
    if (!('code' in expected) && !Array.isArray(expected.answer)) {
      const { kind, wallet, seq, replayed, amount, bonusAmount } = expected.answer;
      if (!replayed && this.ledger.wallet(wallet).seq > seq)
        this.#see(`${kind} before ${kind === 'top_up' ? 'a collection' : 'an expiry'}`);
      if (!replayed && bonusAmount > 0n && bonusAmount < amount) this.#see(`mixed ${kind}`);
    }
    this.#expectSame(
      actual,
      expected,
      (rows) => [rows].flat().map((row) => this.#receipt(row)),
      (receipts) => [receipts].flat(),
    );
  }

  /** The answers are the same; of refusals, the code and the facts that the model knows. */
  #expectSame<A, E>(
    actual: Outcome<A>,
    expected: Outcome<E>,
    seen: (answer: A) => unknown,
    told: (answer: E) => unknown,
  ) {
    const known = 'code' in expected ? Object.keys(expected.detail) : [];
    deepStrictEqual(
      'answer' in actual
        ? seen(actual.answer)
        : { code: actual.code, detail: Object.fromEntries(known.map((fact) => [fact, actual.detail[fact]])) },
      'answer' in expected ? told(expected.answer) : expected,
      'the answers',
    );
  }

  /** What of an asset's rules was broken. */
  #rulesIn({ limit, reference }: Record<string, unknown>): string[] {
    return [...(typeof limit === 'string' ? [limit] : []), ...(reference === undefined ? [] : ['payment'])];
  }

  #see(outcome: string): void {
    this.seen.set(outcome, (this.seen.get(outcome) ?? 0) + 1);
  }

  /** A name's first receipt tells its id. */
  #learn(row: Row, receipt: Receipt | undefined): void {
    if (!receipt) return;
    const known = new Set(this.#ids.values());
    if (!this.#ids.has(receipt.transfer) && !known.has(row.transfer_id))
      this.#ids.set(receipt.transfer, row.transfer_id);
  }

  /** Of the two movements of an exchange, and of its reversal, a receipt tells one. */
  async #learnLinks(): Promise<void> {
    for (const { id, linked } of this.ledger.links()) {
      if (!this.#ids.has(id) || this.#ids.has(linked)) continue;
      const { rows } = await this.#client.query<{ id: string }>(
        `select e.transfer_id as id from ledger.transfers t
         join ledger.entries e on e.wallet_id = t.linked_wallet_id and e.seq = t.linked_seq where t.id = $1`,
        [this.#id(id)],
      );
      if (rows[0]) this.#ids.set(linked, rows[0].id);
    }
  }

  #nameOf(id: string): string {
    for (const [name, other] of this.#ids) if (other === id) return name;
    return `unknown ${id}`;
  }

  #receipt(row: Row): Receipt {
    return {
      transfer: this.#nameOf(row.transfer_id),
      wallet: this.#nameOf(row.wallet_id),
      seq: Number(row.seq),
      kind: row.kind as Receipt['kind'],
      amount: BigInt(row.amount),
      bonusAmount: BigInt(row.bonus_amount),
      balance: BigInt(row.balance),
      bonusBalance: BigInt(row.bonus_balance),
      heldBalance: BigInt(row.held_balance),
      available: BigInt(row.available),
      hold: row.hold_id === null ? null : this.#nameOf(row.hold_id),
      replayed: row.replayed,
      owed: BigInt(row.owed),
    };
  }

  #open(wallet: Wallet, now: Instant): string[] {
    return Array.from(openHolds(wallet, now), ({ id }) => this.#id(id)).sort();
  }

  /** As wallet_explain tells them. */
  #parts(wallet: Wallet, now: Instant): string[] {
    const reserved = openHolds(wallet, now).flatMap((hold) =>
      hold.parts.map((part) => ({ ...part, hold: this.#id(hold.id) })),
    );
    const parts = [...unreserved(wallet, now).map((part) => ({ ...part, hold: null })), ...reserved].map(
      ({ source, amount, expiresAt, hold }) =>
        JSON.stringify([source === 'lot' ? 'expiring_bonus' : source, String(amount), expiresAt ?? null, hold]),
    );
    const debt = wallet.owed > 0n ? [JSON.stringify(['debt', String(wallet.owed), null, null])] : [];
    return [...parts, ...debt].sort();
  }

  /** Says that a call is going to name this instant. */
  watch(instant: Instant): Instant {
    this.#instants.push(instant);
    return instant;
  }
}

function predict<T>(ask: () => T): Outcome<T> {
  try {
    return { answer: ask() };
  } catch (error) {
    if (error instanceof Refused) return { code: error.code, detail: error.detail };
    throw error;
  }
}

function balanceOf(row: Record<string, unknown>): Balance {
  const number = (name: string) => BigInt(String(row[name]));
  return {
    balance: number('balance'),
    bonusBalance: number('bonus_balance'),
    heldBalance: number('held_balance'),
    available: number('available'),
    seq: Number(row.seq),
  };
}
