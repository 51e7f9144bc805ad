/**
 * Seeded random lists of requests as single calls, as a batch, and as independent calls in one request. A list with different results is
 * shrunk.
 */
import type pg from 'pg';
import {
  call,
  callAll,
  inMs,
  newAsset,
  newOwner,
  newWallet,
  passed,
  postBatch,
  postEach,
  type Receipt,
  refusal,
  type Refusal,
  UNKNOWN_WALLET,
  type WalletRequest,
} from './helpers.ts';

const BATCHES = 10;
/** How many smaller lists are tried when shrinking. */
const MOST_TRIES = 200;
const WALLETS = 4;
/**
 * Indexes after the players' wallets: one of another owner and asset, an unknown one, a closed one; then the players' wallets of another
 * asset.
 */
const [FOREIGN, UNKNOWN, CLOSED, OTHERS] = [WALLETS, WALLETS + 1, WALLETS + 2, WALLETS + 3] as const;
const LATE = '2101-01-01T00:00:00Z';
const EXPIRIES = [LATE, '2102-01-01T00:00:00Z', '2103-01-01T00:00:00Z', '2104-01-01T00:00:00Z'];

/** Repeatable random numbers (mulberry32). */
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

/** Wallets are indexes among the wallets of an asset. */
type Item = Omit<WalletRequest, 'wallet_id' | 'counterparty_id' | 'hold_id' | 'transfer_id'> & {
  from: number;
  to?: number;
  /** The key of the hold, or of the reversed transfer, in the same wallet. */
  hold?: string;
  reverses?: string;
};
type Outcome = { receipt: object } | { code: string; message: string; detail: string };

/** Single calls that prepare a list, and the list. */
interface Step {
  from: number;
  bought: string;
  /** The key of a further top-up, which is charged back. */
  charged?: string;
  /** Undefined for lists without lots, holds and limits. */
  history?: {
    given: string;
    held: string;
    closed?: { name: string; key: string };
    collects?: boolean;
    amount: number;
    due: boolean;
    isHeld: boolean;
    holdExpires: boolean;
  };
  limits?: Record<string, number | null | undefined>;
  frozen?: number;
  items: Item[];
}

/** Functions whose names do not follow from the kind. */
const FUNCTIONS: Record<string, string> = {
  reversal: 'wallet_reverse',
  adjustment: 'wallet_adjust',
  collection: 'wallet_collect',
  forgiveness: 'wallet_forgive',
};

/** An asset with the same wallets and history as in the other worlds; its calls are made in one of the three forms. */
class World {
  readonly wallets: string[] = [];
  /** Open holds that do not expire. */
  readonly holds: Receipt[] = [];
  /** Receipts by the wallet's index and the key. */
  readonly #booked = new Map<string, Receipt>();
  #due = '';
  readonly client: pg.Client;
  readonly asset: string;
  /** The other asset of exchanges. */
  readonly other: string;

  constructor(client: pg.Client, asset: string, other: string) {
    this.client = client;
    this.asset = asset;
    this.other = other;
  }

  /** The players' wallets of both assets. */
  get #own(): string[] {
    return this.wallets.filter((_, place) => place < WALLETS || place >= OTHERS);
  }

  request({ from, to, hold, reverses, ...item }: Item): WalletRequest {
    const booked = (key: string) => this.#booked.get(`${from} ${key}`);
    return {
      ...item,
      wallet_id: this.wallets[from],
      counterparty_id: to === undefined ? null : this.wallets[to],
      ...(hold !== undefined && { hold_id: booked(hold)?.hold_id ?? UNKNOWN_WALLET }),
      ...(reverses !== undefined && { transfer_id: booked(reverses)?.transfer_id ?? UNKNOWN_WALLET }),
    };
  }

  async single(item: Item): Promise<Receipt> {
    const { kind, wallet_id, counterparty_id, metadata, expires_at, ...request } = this.request(item);
    const isBetween = kind === 'transfer' || kind === 'exchange';
    return call(this.client, FUNCTIONS[kind ?? ''] ?? `wallet_${kind ?? ''}`, {
      ...request,
      ...(isBetween ? { from_wallet: wallet_id, to_wallet: counterparty_id } : { wallet_id }),
      ...(expires_at && { expires_at }),
      ...(metadata && { metadata }),
    });
  }

  /**
   * Grants a bonus that expires soon or late, and a hold on it that may expire with it; both are booked before their expiry, however slow
   * the machine.
   */
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

  /** Tops up, removes the credits, and charges the top-up back: the wallet owes them, and its balance is as before. */
  async charge(from: number, key: string): Promise<void> {
    const bought = await this.single({ kind: 'top_up', from, amount: 15, idem_key: `${key} bought` });
    const adjust = async (side: string, amount: bigint) => {
      const item = { kind: 'adjustment', from, side, amount: String(amount), reason: 'for a test' };
      if (amount > 0n) await this.single({ ...item, idem_key: `${key} ${side}` });
    };
    await adjust('debit', BigInt(bought.available));
    const { wallet_id, transfer_id } = bought;
    await call(this.client, 'wallet_reverse', { wallet_id, transfer_id, idem_key: `${key} back`, owe: true });
    await adjust('credit', BigInt(bought.available) - 15n);
  }

  async fallDue(): Promise<void> {
    if (this.#due) await passed(this.client, this.#due);
    this.#due = '';
  }

  /** Replaces ids, which differ in each world, by names. */
  named(text: string): string {
    return this.wallets
      .reduce((named, id, place) => named.replaceAll(id, `wallet ${place}`), text)
      .replaceAll(this.asset, 'the asset')
      .replaceAll(this.other, 'the other asset')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'an id');
  }

  #shown(receipt: Receipt): Outcome {
    return { receipt: JSON.parse(this.named(JSON.stringify({ ...receipt, created_at: '' }))) as object };
  }

  #refusal({ code, message, detail }: Refusal): Outcome {
    const { index, transfer_id, now, ...facts } = detail;
    expect(['number', 'undefined']).toContain(typeof index);
    return {
      code,
      message: this.named(message),
      detail: this.named(JSON.stringify({ ...facts, transfer: transfer_id !== undefined, now: now !== undefined })),
    };
  }

  /** Remembers receipts that later items refer to by key. */
  #learn(items: Item[], receipts: (Receipt | undefined)[]): void {
    for (const [place, { from, idem_key }] of items.entries()) {
      const receipt = receipts[place];
      if (receipt) this.#booked.set(`${from} ${idem_key ?? ''}`, receipt);
    }
  }

  /** Posts one batch; if an item is refused, posts the batch again without it. */
  async asBatches(items: Item[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const receipts: (Receipt | undefined)[] = [];
    const left = items.map((item, place) => ({ place, request: this.request(item) }));
    while (left.length > 0) {
      const calls = postBatch(
        this.client,
        left.map(({ request }) => request),
      );
      const answer = await calls.catch(() => undefined);
      if (answer) {
        expect(answer).toHaveLength(left.length);
        for (const [index, receipt] of answer.entries()) receipts[left[index]?.place ?? NaN] = receipt;
        break;
      }
      const refused = await refusal(calls);
      const [one] = left.splice(Number(refused.detail.index), 1);
      outcomes[one?.place ?? NaN] = this.#refusal(refused);
    }
    this.#learn(items, receipts);
    for (const [place, receipt] of receipts.entries()) if (receipt) outcomes[place] = this.#shown(receipt);
    return outcomes;
  }

  async asEach(items: Item[]): Promise<Outcome[]> {
    const outcomes = await postEach(
      this.client,
      items.map((item) => this.request(item)),
    );
    expect(outcomes).toHaveLength(items.length);
    this.#learn(
      items,
      outcomes.map(({ receipt }) => receipt ?? undefined),
    );
    return outcomes.map(({ receipt, refusal: refused }) => {
      if (receipt) return this.#shown(receipt);
      if (!refused) throw new Error('neither booked nor refused');
      return this.#refusal(refused);
    });
  }

  /** A savepoint for each call keeps the transaction after a refusal. */
  async asSingles(items: Item[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const receipts: (Receipt | undefined)[] = [];
    await this.client.query('begin');
    for (const item of items) {
      await this.client.query('savepoint item');
      const booking = this.single(item);
      const receipt = await booking.catch(() => undefined);
      receipts.push(receipt);
      if (!receipt) await this.client.query('rollback to savepoint item');
      outcomes.push(receipt ? this.#shown(receipt) : this.#refusal(await refusal(booking)));
    }
    await this.client.query('commit');
    this.#learn(items, receipts);
    return outcomes;
  }

  /** Everything visible of the asset: entries, parts of balances, and accounts. */
  async state(): Promise<object> {
    const { rows: entries } = await this.client.query(
      `select array_position($1::uuid[], e.wallet_id) as wallet, e.seq, e.kind, e.debit, e.credit, ledger.entries_side(e) as side,
         e.amount, e.bonus_amount, e.held_amount, e.balance,
         e.bonus_balance, e.held_balance, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total, e.owed,
         t.idem_key, t.requested_amount, t.metadata
       from ledger.entries e join ledger.transfers t on t.id = e.transfer_id where e.wallet_id = any ($1) order by wallet, e.seq`,
      [this.#own],
    );
    const { rows: parts } = await this.client.query(
      `select w.place, p.source, p.amount, p.available, nullif(greatest(p.expires_at, '2100-01-01'), '2100-01-01') as expires_at,
         t.idem_key as transfer, h.idem_key as hold
       from unnest($1::uuid[]) with ordinality w (id, place), ledger.wallet_explain(w.id) with ordinality p
       left join ledger.transfers t on t.id = p.transfer_id left join ledger.transfers h on h.id = p.hold_id order by place, p.ordinality`,
      [this.#own],
    );
    const { rows: draws } = await this.client.query(
      `select array_position($1::uuid[], wallet_id) as wallet, lot_seq, greatest(expires_at, '2100-01-01') as expires_at,
         seq, amount, held_amount, balance, held_balance
       from ledger.bonus_lot_draws where wallet_id = any ($1) order by wallet, lot_seq, expires_at, seq`,
      [this.#own],
    );
    const accounts: object[] = [];
    for (const asset_code of [this.asset, this.other])
      for (const account of await callAll<object>(this.client, 'ledger_trial_balance', { asset_code }))
        accounts.push({ ...account, asset_code: '' });
    return { entries, parts, draws, accounts };
  }
}

/** Draws items as callers send them: mostly affordable, sometimes repeated, rarely invalid. */
class Writer {
  #keys = 0;
  #written: Item[] = [];
  /** Items of earlier lists, which a capture, a release or a reversal may refer to. */
  #named: Item[] = [];
  readonly #random: Random;
  readonly #plain: boolean;

  /** Plain lists grant nothing that expires. */
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
    if (!this.#plain && this.#named.length > 0 && random.chance(0.2)) return this.#naming();
    // Few in plain lists, so that many plain items come in a row.
    if (random.chance(this.#plain ? 0.02 : 0.2)) return this.#operators(greedy);
    const flows = ['top_up', 'bonus', 'bonus', 'spend', 'transfer', 'transfer'];
    const kind = random.pick(this.#plain ? flows : [...flows, 'hold']);
    const from = random.upTo(WALLETS) - 1;
    const spent = random.upTo(greedy ? 60 : 10);
    return {
      kind,
      from,
      amount: kind === 'top_up' || kind === 'bonus' ? random.upTo(25) : spent,
      idem_key: this.key(),
      ...(kind === 'bonus' && !this.#plain && random.chance(0.6) && { expires_at: random.pick(EXPIRIES) }),
      ...(kind === 'hold' && random.chance(0.3) && { expires_at: LATE }),
      ...(kind === 'transfer' && { to: (from + random.upTo(WALLETS - 1)) % WALLETS }),
      ...(random.chance(0.2) && { metadata: { n: random.upTo(2) } }),
    };
  }

  /** Adjustments, exchanges, payments of debts, and opening balances, of which a wallet has at most one. */
  #operators(greedy: boolean): Item {
    const random = this.#random;
    const kind = random.pick([
      'adjustment',
      'adjustment',
      'exchange',
      'exchange',
      'collection',
      'forgiveness',
      'opening',
    ]);
    const player = random.upTo(WALLETS) - 1;
    if (kind === 'opening') return this.#opening(random.chance(0.5) ? player : OTHERS + player);
    const item = {
      kind,
      from: player,
      amount: random.upTo(greedy ? 60 : 10),
      idem_key: this.key(),
      ...(random.chance(0.2) && { metadata: { n: random.upTo(2) } }),
    };
    switch (kind) {
      case 'adjustment':
        return {
          ...item,
          side: random.pick(['credit', 'debit', 'debit']),
          reason: random.pick(['an error', 'another']),
        };
      case 'exchange':
        return {
          ...item,
          ...(random.chance(0.6) ? { to: OTHERS + player } : { from: OTHERS + player, to: player }),
          to_amount: random.upTo(20),
        };
      case 'forgiveness':
        return { ...item, reason: 'a gesture' };
      default:
        return item;
    }
  }

  #opening(from: number): Item {
    const random = this.#random;
    const amount = random.upTo(30);
    const bonus = random.chance(0.5) ? random.upTo(amount) : undefined;
    return {
      ...{ kind: 'opening', from, amount, idem_key: this.key() },
      ...(bonus !== undefined && { bonus_amount: bonus }),
      ...(bonus !== undefined && !this.#plain && random.chance(0.5) && { expires_at: random.pick(EXPIRIES) }),
    };
  }

  /** Ends a hold or reverses a transfer, which need not exist. */
  #naming(): Item {
    const random = this.#random;
    // Few, so that some are used again after they have ended.
    const holds = this.#named.filter(({ kind }) => kind === 'hold').slice(-6);
    const {
      kind,
      from,
      idem_key: named = '',
    } = random.pick(random.chance(0.5) && holds.length > 0 ? holds : this.#named);
    const item = { from, idem_key: this.key() };
    const amount = random.chance(0.5) ? { amount: random.upTo(8) } : {};
    const owe = random.chance(0.4) ? { owe: true } : {};
    if (kind !== 'hold') return { ...item, kind: 'reversal', reverses: named ?? '', ...amount, ...owe };
    return random.chance(0.5)
      ? { ...item, kind: 'capture', hold: named ?? '', ...amount }
      : { ...item, kind: 'release', hold: named ?? '' };
  }

  /** Repeats an earlier item, sometimes with a change. */
  #again(): Item {
    const random = this.#random;
    const again = { ...random.pick(this.#written) };
    if (random.chance(0.9)) return again;
    return random.pick([
      { ...again, amount: Number(again.amount ?? 1) + 1, ...(again.kind === 'release' && { amount: undefined }) },
      { ...again, metadata: { n: 3 } },
      { ...this.#fresh(false), from: again.from, idem_key: again.idem_key },
    ]);
  }

  #nonsense(): Item {
    const random = this.#random;
    const item = this.#fresh(false);
    const plain = { from: item.from, amount: 1, idem_key: item.idem_key };
    return random.pick([
      { ...item, amount: 0, ...(item.kind === 'release' && { kind: 'capture' }) },
      { ...item, from: random.pick([UNKNOWN, CLOSED]) },
      { ...plain, kind: 'transfer', to: random.pick([CLOSED, item.from, FOREIGN, UNKNOWN]) },
      { ...plain, kind: 'exchange', to_amount: 1, to: random.pick([CLOSED, item.from, FOREIGN, UNKNOWN, OTHERS]) },
      { ...item, idem_key: '' },
      { ...item, metadata: '[]' },
      { ...plain, kind: 'bonus', expires_at: '2000-01-01' },
    ]);
  }

  items(): Item[] {
    const greedy = this.#random.chance(0.2);
    // Occasionally more than the ledger processes in one step.
    const most = this.#plain && this.#random.chance(0.15) ? 700 : 30;
    // Opening balances of wallets without entries are booked together.
    const opened = this.#written.length === 0 && this.#random.chance(0.5);
    const openings = opened ? Array.from({ length: WALLETS }, (_, player) => this.#opening(OTHERS + player)) : [];
    const items = Array.from({ length: this.#random.upTo(most) }, () => {
      if (this.#random.chance(0.02)) return this.#nonsense();
      const item = this.#written.length > 0 && this.#random.chance(0.1) ? this.#again() : this.#fresh(greedy);
      this.#written.push(item);
      return item;
    });
    this.#written.unshift(...openings);
    this.#named = this.#written.filter(({ kind }) => kind !== 'release' && kind !== 'capture').slice(-60);
    return [...openings, ...items];
  }
}

/** Draws all steps in advance, so that shrinking can leave some out. */
function draw(
  random: Random,
  { plain, isLimited, lists }: { plain: boolean; isLimited: boolean; lists: number },
): Step[] {
  const writer = new Writer(random, plain);
  const limited = !plain && isLimited;
  return Array.from({ length: lists }, () => ({
    from: random.upTo(WALLETS) - 1,
    bought: writer.key(),
    ...(random.chance(plain ? 0.2 : 0.4) && { charged: writer.key() }),
    ...(!plain && {
      history: {
        given: writer.key(),
        held: writer.key(),
        ...(random.chance(0.4) && {
          closed: { name: random.pick(['wallet_capture', 'wallet_release']), key: writer.key() },
        }),
        amount: random.upTo(20),
        ...(limited && random.chance(0.5) && { collects: random.chance(0.7) }),
        due: random.chance(0.25),
        isHeld: random.chance(0.7),
        holdExpires: random.chance(0.3),
      },
    }),
    ...(limited && {
      limits: random.chance(0.5)
        ? {}
        : {
            max_spend: random.pick([null, 12]),
            max_balance: random.pick([null, 250]),
            max_daily_top_up: random.pick([null, null, 250]),
            max_daily_bonus: random.pick([null, null, 250]),
            max_daily_spend: random.pick([null, null, 100]),
          },
    }),
    ...(random.chance(0.1) && { frozen: random.upTo(WALLETS) - 1 }),
    items: writer.items(),
  }));
}

/** Creates worlds with equal wallets. */
async function createWorlds(client: pg.Client): Promise<World[]> {
  const foreign = await newWallet(client, await newAsset(client));
  const owners = Array.from({ length: WALLETS }, newOwner);
  const worlds: World[] = [];
  for (let count = 0; count < 3; count += 1) {
    const world = new World(client, await newAsset(client), await newAsset(client));
    const wallets = async (asset: string) => {
      for (const owner of owners) world.wallets.push(await newWallet(client, asset, { owner }));
    };
    await wallets(world.asset);
    const closed = await newWallet(client, world.asset);
    await call(client, 'wallet_close', { wallet_id: closed, reason: 'for a test' });
    world.wallets.push(foreign, UNKNOWN_WALLET, closed);
    await wallets(world.other);
    worlds.push(world);
  }
  return worlds;
}

/** Prepares a list, equally in each world, with single calls. */
async function live(world: World, { from, bought, charged, history, limits }: Step): Promise<void> {
  const { client, asset } = world;
  if (limits) await call(client, 'asset_limit_set', { asset_code: asset });
  await world.single({ kind: 'top_up', from, amount: 40, idem_key: bought });
  if (charged !== undefined) await world.charge(from, charged);
  if (history) {
    const { given, held, closed, collects, isHeld, ...gift } = history;
    if (collects !== undefined) await call(client, 'asset_set', { asset_code: asset, collect_debts: collects });
    const hold = closed && world.holds.shift();
    if (hold) {
      const request = { wallet_id: hold.wallet_id, hold_id: hold.hold_id, idem_key: closed.key };
      await call(client, closed.name, request);
    }
    await world.give(from, { given, held }, { ...gift, held: isHeld });
    await world.fallDue();
  }
  if (limits) await call(client, 'asset_limit_set', { asset_code: asset, ...limits });
}

/** Books the steps in three ways in one session, and compares the results. */
async function compare(client: pg.Client, steps: Step[], seen: Map<string, number>): Promise<World> {
  const [singles, batches, each] = (await createWorlds(client)) as [World, World, World];
  for (const step of steps) {
    const { frozen, items } = step;
    const everywhere = async (act: (world: World) => Promise<unknown>) => {
      for (const world of [singles, batches, each]) await act(world);
    };
    const status = (name: string) => async (world: World) =>
      frozen === undefined || call(client, name, { wallet_id: world.wallets[frozen], reason: 'for a test' });
    await everywhere((world) => live(world, step));
    await everywhere(status('wallet_freeze'));

    const expected = await singles.asSingles(items);

    expect({ items, batch: await batches.asBatches(items) }).toEqual({ items, batch: expected });
    expect({ items, each: await each.asEach(items) }).toEqual({ items, each: expected });
    const state = await singles.state();
    expect({ items, batch: await batches.state() }).toEqual({ items, batch: state });
    expect({ items, each: await each.state() }).toEqual({ items, each: state });
    for (const outcome of expected) {
      const { kind, owed } = 'code' in outcome ? { kind: '', owed: '0' } : (outcome.receipt as Receipt);
      for (const what of 'code' in outcome
        ? [outcome.code]
        : ['booked', kind, ...(owed === '0' ? [] : [`${kind} owing`])])
        seen.set(what, (seen.get(what) ?? 0) + 1);
    }
    await everywhere(status('wallet_reopen'));
  }
  return singles;
}

/** Smaller variants: without whole lists first, then halves, then single items. */
function* smaller(steps: Step[]): Generator<Step[]> {
  for (const index of steps.keys()) if (steps.length > 1) yield steps.toSpliced(index, 1);
  for (const [index, step] of steps.entries())
    for (let size = Math.ceil(step.items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
      for (let at = 0; at < step.items.length; at += size)
        yield steps.with(index, { ...step, items: step.items.toSpliced(at, size) });
}

/** Removes what the difference does not need; returns the error of the rest. */
async function shrink(client: pg.Client, steps: Step[], error: unknown): Promise<unknown> {
  let [least, why] = [steps, error];
  for (let tries = 0, found = true; found;) {
    found = false;
    for (const candidate of smaller(least)) {
      if ((tries += 1) > MOST_TRIES) return why;
      const failure: unknown = await compare(client, candidate, new Map()).then(
        () => undefined,
        (thrown: unknown) => thrown ?? new Error('unknown'),
      );
      // The transaction may have been aborted.
      await client.query('rollback').catch(() => undefined);
      if (failure === undefined) continue;
      [least, why, found] = [candidate, failure, true];
      break;
    }
  }
  return why;
}

/**
 * Compares single calls, batches and independent calls on random lists. `plain` lists have no lots, holds and limits. `seen` counts the
 * outcomes of items. A difference is shrunk.
 */
export async function compareBatches(
  client: pg.Client,
  seed: number,
  { plain = false, batches = BATCHES, seen = new Map<string, number>() } = {},
): Promise<World> {
  const steps = draw(new Random(seed), { plain, isLimited: seed % 2 === 0, lists: batches });
  try {
    return await compare(client, steps, seen);
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw await shrink(client, steps, error);
  }
}
