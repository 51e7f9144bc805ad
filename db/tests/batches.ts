/** Random batches, and single calls in their order, seeded, so that each can be had again. */
import type pg from 'pg';
import {
  call,
  callAll,
  inMs,
  newAsset,
  newWallet,
  passed,
  postBatch,
  type Receipt,
  refusal,
  UNKNOWN_WALLET,
  type WalletRequest,
} from './helpers.ts';

const BATCHES = 10;
const WALLETS = 4;
const LATE = '2101-01-01T00:00:00Z';
const EXPIRIES = [LATE, '2102-01-01T00:00:00Z', '2103-01-01T00:00:00Z', '2104-01-01T00:00:00Z'];

/** The same numbers for the same seed (mulberry32). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  upTo(most: number): number {
    return 1 + Math.floor(this.next() * most);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T;
  }
}

/** A wallet by its place among the wallets of its asset. */
type Item = Omit<WalletRequest, 'wallet_id' | 'counterparty_id'> & { from: number; to?: number };
type Outcome = { receipts: object[] } | { index: unknown; code: string; message: string; detail: string };

/** An asset with the same wallets and the same history as its twin; how calls are made for it is told apart. */
class World {
  /** Players first, then one of another asset and one that is not there. */
  readonly wallets: string[] = [];
  /** Those that are open and do not expire. */
  readonly holds: Receipt[] = [];
  #due = '';
  readonly client: pg.Client;
  readonly asset: string;

  constructor(client: pg.Client, asset: string) {
    this.client = client;
    this.asset = asset;
  }

  request({ from, to, ...item }: Item): WalletRequest {
    return { ...item, wallet_id: this.wallets[from], counterparty_id: to === undefined ? null : this.wallets[to] };
  }

  async single(item: Item): Promise<Receipt> {
    const { kind, wallet_id, counterparty_id, metadata, expires_at, ...request } = this.request(item);
    return call(this.client, `wallet_${kind ?? ''}`, {
      ...request,
      ...(kind === 'transfer' ? { from_wallet: wallet_id, to_wallet: counterparty_id } : { wallet_id }),
      ...(expires_at && { expires_at }),
      ...(metadata && { metadata }),
    });
  }

  /** A bonus that falls due soon or late, and a hold of it, which may fall due with it: both before they do, however slow the machine. */
  async give(
    from: number,
    keys: { given: string; held: string },
    { amount, due, held, holdExpires }: { amount: number; due: boolean; held: boolean; holdExpires: boolean },
  ): Promise<void> {
    for (let ms = 40; ; ms *= 2) {
      const expires_at = due ? await inMs(this.client, ms) : LATE;
      const holdUntil = due && holdExpires ? expires_at : null;
      await this.client.query('begin');
      try {
        await this.single({ kind: 'bonus', from, amount, idem_key: keys.given, expires_at });
        const request = { wallet_id: this.wallets[from], amount: 25, idem_key: keys.held, expires_at: holdUntil };
        const hold = held && (await call(this.client, 'wallet_hold', request));
        const { rows: early } = await this.client.query('select where clock_timestamp() < $1', [expires_at]);
        if (early.length === 0) throw new Error('too slow');
        await this.client.query('commit');
        if (hold && !holdUntil) this.holds.push(hold);
        if (due) this.#due = expires_at;
        return;
      } catch (error) {
        await this.client.query('rollback');
        if (!due || ms > 5000) throw error;
      }
    }
  }

  async fallDue(): Promise<void> {
    if (this.#due) await passed(this.client, this.#due);
    this.#due = '';
  }

  /** Names instead of ids, which are different in the twin. */
  named(text: string): string {
    return this.wallets
      .reduce((named, id, place) => named.replaceAll(id, `wallet ${place}`), text)
      .replaceAll(this.asset, 'the asset');
  }

  receipt(receipt: Receipt): object {
    return { ...receipt, wallet_id: this.named(receipt.wallet_id), transfer_id: '', created_at: '' };
  }

  async refused(calls: Promise<unknown>, index?: number): Promise<Outcome> {
    const { code, message, detail } = await refusal(calls);
    const { index: named, transfer_id, now, ...facts } = detail;
    return {
      index: named ?? index,
      code,
      message: this.named(message),
      detail: this.named(JSON.stringify({ ...facts, transfer: transfer_id !== undefined, now: now !== undefined })),
    };
  }

  async asBatch(items: Item[]): Promise<Outcome> {
    const requests = items.map((item) => this.request(item));
    const calls = postBatch(this.client, requests);
    return calls.then(
      (receipts) => ({ receipts: receipts.map((receipt) => this.receipt(receipt)) }),
      () => this.refused(calls),
    );
  }

  async oneByOne(items: Item[]): Promise<Outcome> {
    const receipts: object[] = [];
    await this.client.query('begin');
    for (const [index, item] of items.entries()) {
      const single = this.single(item);
      try {
        receipts.push(this.receipt(await single));
      } catch {
        await this.client.query('rollback');
        return this.refused(single, index);
      }
    }
    await this.client.query('commit');
    return { receipts };
  }

  /** All that can be seen of the asset: its wallets' entries and what makes up their balances, and its accounts. */
  async state(): Promise<object> {
    const { rows: entries } = await this.client.query(
      `select array_position($1::uuid[], e.wallet_id) as wallet, e.seq, e.kind, e.debit, e.credit, ledger.entries_side(e) as side,
         e.amount, e.bonus_amount, e.held_amount, e.balance,
         e.bonus_balance, e.held_balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total, t.idem_key, t.requested_amount, t.metadata
       from ledger.entries e join ledger.transfers t on t.id = e.transfer_id where e.wallet_id = any ($1) order by wallet, e.seq`,
      [this.wallets.slice(0, WALLETS)],
    );
    const { rows: parts } = await this.client.query(
      `select w.place, p.source, p.amount, p.available, nullif(greatest(p.expires_at, '2100-01-01'), '2100-01-01') as expires_at,
         t.idem_key as transfer, h.idem_key as hold
       from unnest($1::uuid[]) with ordinality w (id, place), ledger.wallet_explain(w.id) with ordinality p
       left join ledger.transfers t on t.id = p.transfer_id left join ledger.transfers h on h.id = p.hold_id order by place, p.ordinality`,
      [this.wallets.slice(0, WALLETS)],
    );
    const { rows: draws } = await this.client.query(
      `select array_position($1::uuid[], wallet_id) as wallet, lot_seq, greatest(expires_at, '2100-01-01') as expires_at,
         seq, amount, held_amount, balance, held_balance
       from ledger.bonus_lot_draws where wallet_id = any ($1) order by wallet, lot_seq, expires_at, seq`,
      [this.wallets.slice(0, WALLETS)],
    );
    const accounts = await callAll<{ asset_code: string }>(this.client, 'ledger_trial_balance', {
      asset_code: this.asset,
    });
    return { entries, parts, draws, accounts: accounts.map((account) => ({ ...account, asset_code: '' })) };
  }
}

/** Writes items as callers do: mostly affordable, sometimes again, rarely nonsense. */
class Writer {
  #keys = 0;
  #written: Item[] = [];
  readonly #random: Random;
  readonly #plain: boolean;

  /** Plain ones grant nothing that expires. */
  constructor(random: Random, plain: boolean) {
    this.#random = random;
    this.#plain = plain;
  }

  key(): string {
    this.#keys += 1;
    return `key-${this.#keys}`;
  }

  #fresh(greedy: boolean): Item {
    const random = this.#random;
    const kind = random.pick(['top_up', 'bonus', 'bonus', 'spend', 'transfer', 'transfer']);
    const from = random.upTo(WALLETS) - 1;
    const spent = random.upTo(greedy ? 60 : 10);
    return {
      kind,
      from,
      amount: kind === 'spend' || kind === 'transfer' ? spent : random.upTo(25),
      idem_key: this.key(),
      ...(kind === 'bonus' && !this.#plain && random.chance(0.6) && { expires_at: random.pick(EXPIRIES) }),
      ...(kind === 'transfer' && { to: (from + random.upTo(WALLETS - 1)) % WALLETS }),
      ...(random.chance(0.2) && { metadata: { n: random.upTo(2) } }),
    };
  }

  /** One that was asked for before, or nearly so. */
  #again(): Item {
    const random = this.#random;
    const again = { ...random.pick(this.#written) };
    if (random.chance(0.9)) return again;
    return random.pick([
      { ...again, amount: Number(again.amount) + 1 },
      { ...again, metadata: { n: 3 } },
      { ...this.#fresh(false), from: again.from, idem_key: again.idem_key },
    ]);
  }

  #nonsense(): Item {
    const random = this.#random;
    const item = this.#fresh(false);
    const [foreign, unknown] = [WALLETS, WALLETS + 1];
    return random.pick([
      { ...item, amount: 0 },
      { ...item, from: unknown },
      { ...item, kind: 'transfer', expires_at: undefined, to: random.pick([item.from, foreign, unknown]) },
      { ...item, idem_key: '' },
      { ...item, metadata: '[]' },
      { ...item, kind: 'bonus', to: undefined, expires_at: '2000-01-01' },
    ]);
  }

  items(): Item[] {
    const greedy = this.#random.chance(0.2);
    return Array.from({ length: this.#random.upTo(30) }, () => {
      if (this.#random.chance(0.005)) return this.#nonsense();
      const item = this.#written.length > 0 && this.#random.chance(0.1) ? this.#again() : this.#fresh(greedy);
      this.#written.push(item);
      return item;
    });
  }
}

async function twins(client: pg.Client): Promise<[World, World]> {
  const foreign = await newWallet(client, await newAsset(client));
  const worlds = [new World(client, await newAsset(client)), new World(client, await newAsset(client))] as const;
  for (const { asset, wallets } of worlds) {
    for (let place = 0; place < WALLETS; place += 1) wallets.push(await newWallet(client, asset));
    wallets.push(foreign, UNKNOWN_WALLET);
  }
  return [...worlds];
}

/** What happens between batches: the same in both, by single calls. */
async function live(worlds: World[], random: Random, writer: Writer, plain: boolean): Promise<void> {
  const both = async (act: (world: World) => Promise<unknown>) => {
    for (const world of worlds) await act(world);
  };
  const from = random.upTo(WALLETS) - 1;
  const keys = { bought: writer.key(), closed: writer.key(), given: writer.key(), held: writer.key() };
  const history = {
    amount: random.upTo(20),
    due: random.chance(0.25),
    held: random.chance(0.7),
    holdExpires: random.chance(0.3),
  };
  if (!plain) await both((world) => call(world.client, 'asset_limit_set', { asset_code: world.asset }));
  await both((world) => world.single({ kind: 'top_up', from, amount: 40, idem_key: keys.bought }));
  if (plain) return;
  if (random.chance(0.4)) {
    const name = random.pick(['wallet_capture', 'wallet_release']);
    await both(async (world) => {
      const hold = world.holds.shift();
      if (hold)
        await call(world.client, name, { wallet_id: hold.wallet_id, hold_id: hold.hold_id, idem_key: keys.closed });
    });
  }
  await both((world) => world.give(from, keys, history));
  await both((world) => world.fallDue());
  if (random.chance(0.4)) {
    const limits = {
      max_spend: random.pick([null, 12]),
      max_balance: random.pick([null, 250]),
      max_daily_top_up: random.pick([null, null, 250]),
      max_daily_bonus: random.pick([null, null, 250]),
      max_daily_spend: random.pick([null, null, 100]),
    };
    await both((world) => call(world.client, 'asset_limit_set', { asset_code: world.asset, ...limits }));
  }
}

/** Books the same both ways in one session, and compares all. Plain: without lots, holds and limits. `seen` counts what came of the batches. */
export async function compareBatches(
  client: pg.Client,
  seed: number,
  { plain = false, batches = BATCHES, seen = new Map<string, number>() } = {},
): Promise<World> {
  const random = new Random(seed);
  const writer = new Writer(random, plain);
  const [one, two] = await twins(client);
  for (let batch = 0; batch < batches; batch += 1) {
    await live([one, two], random, writer, plain);
    const frozen = random.chance(0.1) ? random.upTo(WALLETS) - 1 : undefined;
    const status = async (name: string) => {
      if (frozen === undefined) return;
      for (const { client, wallets } of [one, two])
        await call(client, name, { wallet_id: wallets[frozen], reason: 'for a test' });
    };
    await status('wallet_freeze');
    const items = writer.items();

    const outcome = await one.asBatch(items);

    expect({ batch, items, outcome }).toEqual({ batch, items, outcome: await two.oneByOne(items) });
    expect({ batch, state: await one.state() }).toEqual({ batch, state: await two.state() });
    const what = 'code' in outcome ? outcome.code : 'booked';
    seen.set(what, (seen.get(what) ?? 0) + 1);
    await status('wallet_reopen');
  }
  return one;
}
