/**
 * A sequential model of the ledger in plain TypeScript, with which the database is compared. It has its own names for wallets, transfers
 * and holds, and gets the time from its caller.
 */
import {
  all,
  bonusOf,
  drawingOrder,
  dueHolds,
  dueLots,
  give,
  held,
  type Instant,
  isDue,
  type Limits,
  newWallet,
  type Part,
  type Rules,
  spendable,
  split,
  sum,
  take,
  takeOf,
  type Wallet,
} from './wallet.ts';

export type Kind =
  | 'top_up'
  | 'bonus'
  | 'spend'
  | 'transfer'
  | 'hold'
  | 'capture'
  | 'release'
  | 'reversal'
  | 'opening'
  | 'exchange'
  | 'adjustment'
  | 'collection'
  | 'forgiveness'
  | 'merge';

export interface Request {
  kind: Kind;
  wallet: string;
  to?: string;
  hold?: string;
  transfer?: string;
  /** Null if omitted. */
  amount: bigint | null;
  key: string;
  expiresAt?: Instant;
  metadata?: Record<string, unknown>;
  /** For an opening. */
  bonus?: bigint;
  /** For a reversal: whether spent credits become a debt. */
  owe?: boolean;
  /** For an adjustment; a forgiveness and a merge have a reason, too. */
  side?: 'debit' | 'credit';
  reason?: string;
  /** The amount that arrives in an exchange. */
  toAmount?: bigint | null;
}

export interface Receipt {
  transfer: string;
  wallet: string;
  seq: number;
  kind: Kind;
  amount: bigint;
  bonusAmount: bigint;
  balance: bigint;
  bonusBalance: bigint;
  heldBalance: bigint;
  available: bigint;
  hold: string | null;
  replayed: boolean;
  owed: bigint;
}

export interface Balance {
  balance: bigint;
  bonusBalance: bigint;
  heldBalance: bigint;
  available: bigint;
  seq: number;
}

/** A refused call: the SQLSTATE, and the facts of the detail that the model has. */
export class Refused extends Error {
  readonly code: string;
  readonly detail: Record<string, unknown>;

  constructor(code: string, detail: Record<string, unknown> = {}) {
    super(code);
    this.code = code;
    this.detail = detail;
  }
}

interface Transfer {
  id: string;
  wallet: string;
  kind: Kind;
  /** The other player's wallet, or the owner's other one, and the number of its entry. */
  other?: string;
  otherSeq?: number;
  amount: bigint;
  /** What is left to reverse, as parts of the acting wallet. */
  left: Part[];
  /** The other movement of an exchange or of its reversal. */
  linked?: string;
  /** Whether credits leave the wallet in this movement. */
  leaves?: boolean;
  /** Whether it has metadata, or these have been blanked. */
  metadata?: 'some' | 'blanked';
}

interface Placed {
  wallet: string;
  status: 'open' | 'captured' | 'released' | 'expired';
}

const MAX_AMOUNT = 10n ** 15n;
/** The house account of each kind. */
const HOUSE: Partial<Record<Kind, string>> = {
  top_up: 'treasury',
  bonus: 'promotions',
  spend: 'revenue',
  capture: 'revenue',
};
/** The names of an owner's wallets begin with the owner. */
export const ownerOf = (name: string): string => name.split(' ')[0] ?? '';

/** The changes of one call over a base; discarded if the call is refused. */
class Layer<V> {
  readonly #own = new Map<string, V>();
  readonly #base: Map<string, V>;

  constructor(base: Map<string, V>) {
    this.#base = base;
  }

  get(name: string): V | undefined {
    return this.#own.get(name) ?? this.#base.get(name);
  }

  set(name: string, value: V): void {
    this.#own.set(name, value);
  }

  commit(): void {
    for (const [name, value] of this.#own) this.#base.set(name, value);
  }
}

export class Ledger {
  readonly #wallets = new Map<string, Wallet>();
  readonly #transfers = new Map<string, Transfer>();
  readonly #holds = new Map<string, Placed>();
  readonly #keys = new Map<string, { request: Request; receipt: Receipt }>();
  readonly #accounts = new Map<string, bigint>();
  /** The transfer of each payment, by asset and payment. */
  readonly #payments = new Map<string, string>();
  readonly #rules: Map<string, Rules>;
  #transferCount = 0;

  constructor(assets: string[]) {
    this.#rules = new Map(assets.map((asset) => [asset, { limits: {}, collects: false, unique: false }]));
  }

  rulesOf(asset: string): Rules {
    const rules = this.#rules.get(asset);
    if (!rules) throw new Refused('WLNOA');
    return rules;
  }

  setRules(asset: string, rules: Partial<Rules>): void {
    this.#rules.set(asset, { ...this.rulesOf(asset), ...rules });
  }

  setLimits(name: string, limits: Limits): void {
    this.wallet(name).limits = limits;
  }

  /** Blanks metadata, which most transfers lack. */
  redact(id: string): void {
    const transfer = this.#transfers.get(id);
    if (!transfer?.metadata) throw new Refused('WLARG', { argument: 'transfer_id' });
    transfer.metadata = 'blanked';
  }

  /** The transfers, those with metadata last. */
  blankable(): string[] {
    return [...this.#transfers.values()]
      .sort((one, two) => Number(one.metadata === 'some') - Number(two.metadata === 'some'))
      .map(({ id }) => id);
  }

  /** Whether a wallet was merged into another, directly or through others. */
  wentTo(name: string, other: string): boolean {
    const mergedInto = this.#wallets.get(name)?.mergedInto;
    return mergedInto !== undefined && (mergedInto === other || this.wentTo(mergedInto, other));
  }

  open(name: string, asset: string): Wallet {
    this.rulesOf(asset);
    const wallet = this.#wallets.get(name) ?? newWallet(name, asset);
    if (wallet.status === 'closed') throw new Refused('WLCLS');
    this.#wallets.set(name, wallet);
    return wallet;
  }

  post(request: Request, now: Instant): Receipt {
    return this.#atomically((call) => call.post(request, now));
  }

  /** Like single calls in order, all or nothing. */
  batch(requests: Request[], now: Instant): Receipt[] {
    return this.#atomically((call) =>
      requests.map((request, index) => {
        try {
          return call.post(request, now);
        } catch (error) {
          if (error instanceof Refused) throw new Refused(error.code, { ...error.detail, index });
          throw error;
        }
      }),
    );
  }

  setStatus(name: string, status: Wallet['status'], now: Instant): Wallet {
    return this.#atomically((call) => call.setStatus(name, status, now));
  }

  /** Returns the number of wallets with expiries. */
  expireDue(now: Instant): number {
    return this.#atomically((call) => [...this.#wallets.keys()].filter((name) => call.settle(name, now)).length);
  }

  balance(name: string, now: Instant): Balance {
    const wallet = this.wallet(name);
    const parts = all(wallet);
    return {
      balance: sum(parts),
      bonusBalance: bonusOf(parts),
      heldBalance: sum(held(wallet)),
      available: sum(spendable(wallet, now)),
      seq: wallet.seq,
    };
  }

  wallet(name: string): Wallet {
    const wallet = this.#wallets.get(name);
    if (!wallet) throw new Refused('WLNOW');
    return wallet;
  }

  get wallets(): Wallet[] {
    return [...this.#wallets.values()];
  }

  /** Open ones come last, the newest at the end. */
  holds(): { id: string; wallet: string }[] {
    return [...this.#holds]
      .sort(([, one], [, two]) => Number(one.status === 'open') - Number(two.status === 'open'))
      .map(([id, { wallet }]) => ({ id, wallet }));
  }

  /** Requested transfers, reversible ones last, the newest at the end. */
  transfers(): { id: string; wallet: string }[] {
    const isLeft = ({ left }: Transfer) => Number(sum(left) > 0n);
    return [...this.#transfers.values()]
      .sort((one, two) => isLeft(one) - isLeft(two))
      .map(({ id, wallet }) => ({ id, wallet }));
  }

  /** Balances of the accounts of an asset, on the side of each. */
  accounts(asset: string): Record<string, bigint> {
    const players = this.wallets.filter((wallet) => wallet.asset === asset).flatMap(all);
    const house = [
      'treasury',
      'promotions',
      'revenue',
      'breakage',
      'opening',
      'exchange',
      'adjustments',
      'receivables',
      'losses',
    ];
    const balances = house.map((account) => [account, this.#accounts.get(`${asset} ${account}`) ?? 0n]);
    return Object.fromEntries([...balances, ['players', sum(players)]]) as Record<string, bigint>;
  }

  /** The links of each exchange and of its reversal. */
  links(): { id: string; linked: string }[] {
    return [...this.#transfers.values()].flatMap(({ id, linked }) => (linked === undefined ? [] : [{ id, linked }]));
  }

  #atomically<T>(work: (call: Call) => T): T {
    const layers = {
      wallets: new Layer(this.#wallets),
      transfers: new Layer(this.#transfers),
      holds: new Layer(this.#holds),
      keys: new Layer(this.#keys),
      accounts: new Layer(this.#accounts),
      payments: new Layer(this.#payments),
    };
    const name = () => `transfer-${(this.#transferCount += 1)}`;
    const result = work(new Call(layers, name, (asset) => this.rulesOf(asset)));
    for (const layer of Object.values(layers)) layer.commit();
    return result;
  }
}

interface Layers {
  wallets: Layer<Wallet>;
  transfers: Layer<Transfer>;
  holds: Layer<Placed>;
  keys: Layer<{ request: Request; receipt: Receipt }>;
  accounts: Layer<bigint>;
  payments: Layer<string>;
}

/** One call, or one batch. */
class Call {
  readonly #layers: Layers;
  readonly #newTransfer: () => string;
  readonly #rulesOf: (asset: string) => Rules;

  constructor(layers: Layers, newTransfer: () => string, rulesOf: (asset: string) => Rules) {
    this.#layers = layers;
    this.#newTransfer = newTransfer;
    this.#rulesOf = rulesOf;
  }

  /** Checks in the documented order. */
  post(request: Request, now: Instant): Receipt {
    checkRequest(request);
    const asset = this.#find(request.wallet).asset;
    const isOther = request.to !== undefined && this.#find(request.to).asset !== asset;
    if (request.kind === 'exchange' && (!isOther || ownerOf(request.wallet) !== ownerOf(request.to ?? '')))
      throw new Refused('WLARG', { argument: 'to_wallet' });
    if ((request.kind === 'transfer' || request.kind === 'merge') && isOther) throw new Refused('WLAST');
    if (request.hold !== undefined && this.#layers.holds.get(request.hold)?.wallet !== request.wallet)
      throw new Refused('WLNOH');
    const original = request.transfer === undefined ? undefined : this.#layers.transfers.get(request.transfer);
    if (request.transfer !== undefined && original?.wallet !== request.wallet) throw new Refused('WLNOT');

    const used = this.#layers.keys.get(`${request.wallet} ${request.key}`);
    if (used) {
      checkReplay(used.request, request, this.#layers.transfers.get(used.receipt.transfer)?.metadata === 'blanked');
      return { ...used.receipt, replayed: true };
    }
    const payment = this.#paymentOf(request, asset);
    if (payment !== undefined && this.#layers.payments.get(`${asset} ${payment}`) !== undefined)
      throw new Refused('WLKEY', { field: 'metadata', reference: payment });

    if (isDue(request.expiresAt, now)) throw new Refused('WLARG', { argument: 'expires_at' });
    if (request.kind === 'opening' && this.#find(request.wallet).opened)
      throw new Refused('WLARG', { argument: 'wallet_id' });
    const leaving = ['spend', 'transfer', 'exchange', 'hold', 'capture', 'merge'].includes(request.kind);
    const other = request.to ?? original?.other;
    this.#checkStatus(request.wallet, leaving);
    if (other !== undefined) this.#checkStatus(other, false);
    this.settle(request.wallet, now);
    if (other !== undefined) this.settle(other, now);

    this.#checkLimits(request);
    const receipt = this.#book(request, now, original);
    if (payment !== undefined) this.#layers.payments.set(`${asset} ${payment}`, receipt.transfer);
    this.#layers.keys.set(`${request.wallet} ${request.key}`, { request, receipt });
    return receipt;
  }

  setStatus(name: string, status: Wallet['status'], now: Instant): Wallet {
    const before = this.#find(name).status;
    if (before === status) return this.#find(name);
    const isMerged = this.#find(name).mergedInto !== undefined;
    if (isMerged || (status === 'frozen' && before === 'closed')) throw new Refused('WLCLS');
    if (status === 'closed') {
      this.settle(name, now);
      const balance = sum(all(this.#find(name)));
      if (balance > 0n || this.#find(name).owed > 0n)
        throw new Refused('WLARG', { argument: 'wallet_id', balance: String(balance) });
    }
    const wallet = this.#edit(name);
    wallet.status = status;
    return wallet;
  }

  /** Releases expired holds, then books expired lots; returns whether there were any. */
  settle(name: string, now: Instant): boolean {
    const due = dueHolds(this.#find(name), now);
    for (const { id } of due) this.#closeHold(name, id, 0n, 'expired');
    return this.#expireLots(name, now) || due.length > 0;
  }

  #book(request: Request, now: Instant, original: Transfer | undefined): Receipt {
    switch (request.kind) {
      case 'top_up':
        return this.#collect(this.#credit(request, { source: 'paid', amount: request.amount ?? 0n }));
      case 'bonus':
        return this.#credit(request, { source: 'bonus', amount: request.amount ?? 0n });
      case 'spend':
        return this.#spend(request);
      case 'transfer':
        return this.#transfer(request);
      case 'hold':
        return this.#hold(request);
      case 'capture':
      case 'release':
        return this.#endHold(request, now);
      case 'reversal':
        if (!original) throw new Error('no original');
        return original.kind === 'exchange'
          ? this.#reverseExchange(request, now, original)
          : this.#reverse(request, now, original);
      case 'opening':
        return this.#opening(request);
      case 'exchange':
        return this.#exchange(request);
      case 'adjustment':
        return this.#adjust(request);
      case 'collection':
      case 'forgiveness':
        return this.#payDebt(request);
      case 'merge':
        return this.#merge(request);
    }
  }

  /** Limits of one amount, and daily ones: all calls of a run are within 24 hours. */
  #checkLimits({ kind, wallet, to = '', amount, toAmount }: Request): void {
    switch (kind) {
      case 'top_up':
      case 'bonus':
        this.#checkLimit(wallet, kind, amount ?? 0n, true);
        break;
      case 'spend':
        this.#checkLimit(wallet, kind, amount ?? 0n, false);
        break;
      case 'transfer':
        this.#checkLimit(wallet, kind, amount ?? 0n, false);
        this.#checkLimit(to, kind, amount ?? 0n, true);
        break;
      case 'exchange':
        this.#checkLimit(to, kind, toAmount ?? 0n, true);
        break;
      default:
    }
  }

  #checkLimit(name: string, kind: Kind, amount: bigint, gains: boolean): void {
    const wallet = this.#find(name);
    const limits: Limits = { ...this.#rulesOf(wallet.asset).limits, ...wallet.limits };
    const spends = kind === 'spend' || kind === 'capture';
    const sends = kind === 'transfer' && !gains;
    const rows: [keyof Limits, boolean, bigint][] = [
      ['max_spend', spends, 0n],
      ['max_balance', gains, sum(all(wallet))],
      ['max_daily_top_up', kind === 'top_up', wallet.toppedUp],
      ['max_daily_bonus', kind === 'bonus', wallet.granted],
      ['max_daily_spend', spends, wallet.spent],
      ['max_transfer', sends, 0n],
      ['max_daily_transfer', sends, wallet.sent],
    ];
    for (const [limit, applies, used] of rows) {
      const max = limits[limit];
      if (!applies || max === undefined || used + amount <= max) continue;
      throw new Refused('WLLIM', { limit, max: String(max), left: String(max > used ? max - used : 0n) });
    }
  }

  #paymentOf({ kind, metadata }: Request, asset: string): string | undefined {
    const payment = metadata?.payment;
    return kind === 'top_up' && this.#rulesOf(asset).unique && typeof payment === 'string' ? payment : undefined;
  }

  /** Collects a debt from a top-up, as a separate entry, if the asset says so. */
  #collect(receipt: Receipt): Receipt {
    const wallet = this.#edit(receipt.wallet);
    const amount = receipt.amount < wallet.owed ? receipt.amount : wallet.owed;
    if (amount === 0n || !this.#rulesOf(wallet.asset).collects) return receipt;
    takeOf(wallet, { source: 'paid', amount }, amount);
    wallet.seq += 1;
    wallet.owed -= amount;
    this.#count(wallet, 'receivables', -amount);
    return { ...receipt, available: sum(wallet.free), owed: wallet.owed };
  }

  /** Everything moves, what is owed too; lots arrive as after a transfer. */
  #merge(request: Request): Receipt {
    const [from, to] = [this.#edit(request.wallet), this.#edit(request.to ?? '')];
    if (held(from).length > 0) throw new Refused('WLARG', { argument: 'from_wallet' });
    const parts = from.free;
    from.free = [];
    from.seq += 1;
    to.seq += 1;
    give(
      to,
      parts.map((part) => (part.source === 'lot' ? { ...part, lot: to.seq } : part)),
    );
    to.owed += from.owed;
    from.owed = 0n;
    from.status = 'closed';
    from.mergedInto = to.name;
    return this.#record(request, parts, { left: [], other: to.name });
  }

  #opening(request: Request): Receipt {
    const wallet = this.#edit(request.wallet);
    const [amount, bonus] = [request.amount ?? 0n, request.bonus ?? 0n];
    wallet.seq += 1;
    wallet.opened = true;
    const lot = { source: 'lot', lot: wallet.seq, expiresAt: request.expiresAt } as const;
    const parts: Part[] = [
      { source: 'paid', amount: amount - bonus },
      { ...(request.expiresAt === undefined ? { source: 'bonus' } : lot), amount: bonus },
    ];
    give(wallet, parts);
    this.#count(wallet, 'opening', amount);
    return this.#record(request, parts, { left: [] });
  }

  /** What it gives is paid; what it takes is what a spend would take. */
  #adjust(request: Request): Receipt {
    const wallet = this.#edit(request.wallet);
    const amount = request.amount ?? 0n;
    const isCredit = request.side === 'credit';
    const parts: Part[] = isCredit ? [{ source: 'paid', amount }] : this.#take(wallet, amount);
    wallet.seq += 1;
    if (isCredit) give(wallet, parts);
    this.#count(wallet, 'adjustments', isCredit ? amount : -amount);
    return this.#record(request, parts, { left: [] });
  }

  /** Paid credits that are free pay a debt; one that is given up changes no balance. */
  #payDebt(request: Request): Receipt {
    const wallet = this.#edit(request.wallet);
    const amount = request.amount ?? 0n;
    if (amount > wallet.owed) throw new Refused('WLLIM', { limit: 'owed', left: String(wallet.owed) });
    const paid: Part = { source: 'paid', amount };
    if (request.kind === 'collection') {
      const available = sum(wallet.free.filter(({ source }) => source === 'paid'));
      if (amount > available) throw new Refused('WLFND', { available: String(available), requested: String(amount) });
      takeOf(wallet, paid, amount);
    } else this.#count(wallet, 'losses', amount);
    wallet.seq += 1;
    wallet.owed -= amount;
    this.#count(wallet, 'receivables', -amount);
    return this.#record(request, [paid], { left: [] });
  }

  /** Of what arrives the same part is bonus credits as of what leaves, rounded up. */
  #exchange(request: Request): Receipt {
    const [from, to] = [this.#edit(request.wallet), this.#edit(request.to ?? '')];
    const [amount, toAmount] = [request.amount ?? 0n, request.toAmount ?? 0n];
    const parts = this.#take(from, amount);
    const bonus = (bonusOf(parts) * toAmount + amount - 1n) / amount;
    const arrived = (
      [
        ['paid', toAmount - bonus],
        ['bonus', bonus],
      ] as const
    ).map(([source, much]) => ({ source, amount: much }));
    from.seq += 1;
    to.seq += 1;
    give(to, arrived);
    this.#count(from, 'exchange', -amount);
    this.#count(to, 'exchange', toAmount);
    return this.#recordPair(request, parts, { wallet: to.name, parts: arrived });
  }

  /** Both movements, as a whole: what had arrived must be there still. */
  #reverseExchange(request: Request, now: Instant, original: Transfer): Receipt {
    const left = sum(original.left);
    if (left === 0n || (request.amount ?? left) !== left || request.owe === true)
      throw new Refused('WLREV', { kind: original.kind, left: String(left) });
    const linked = this.#layers.transfers.get(original.linked ?? '');
    if (!linked) throw new Error('no other side');
    const [gone, arrived] = original.leaves ? [original, linked] : [linked, original];
    const [from, to] = [this.#edit(gone.wallet), this.#edit(arrived.wallet)];
    const got = arrived.left.reduce((total, part) => total + takeOf(to, part, part.amount), 0n);
    const missing = sum(arrived.left) - got;
    if (missing > 0n)
      throw new Refused('WLFND', {
        available: String(got),
        requested: String(sum(arrived.left)),
        missing: String(missing),
      });
    give(from, gone.left);
    from.seq += 1;
    to.seq += 1;
    this.#count(from, 'exchange', sum(gone.left));
    this.#count(to, 'exchange', -sum(arrived.left));
    for (const side of [original, linked]) this.#layers.transfers.set(side.id, { ...side, left: [] });
    const receipt = this.#recordPair(request, original.left, { wallet: linked.wallet, parts: linked.left });
    if (original.leaves) return this.#afterExpiry(receipt, now);
    this.#expireLots(from.name, now);
    return receipt;
  }

  /** The movements of two assets: the receipt is that of the wallet that acts. */
  #recordPair(request: Request, parts: Part[], other: { wallet: string; parts: Part[] }): Receipt {
    const [id, linked] = [this.#newTransfer(), this.#newTransfer()];
    const isExchange = request.kind === 'exchange';
    const more = (of: Part[]) => ({ left: isExchange ? of : [], leaves: false });
    // The other one carries no request.
    this.#record({ ...request, wallet: other.wallet, metadata: {} }, other.parts, {
      ...{ ...more(other.parts), id: linked, other: request.wallet, linked: id },
    });
    return this.#record(request, parts, { ...more(parts), leaves: isExchange, id, other: other.wallet, linked });
  }

  #credit(request: Request, part: Part): Receipt {
    const wallet = this.#edit(request.wallet);
    wallet.seq += 1;
    if (request.expiresAt !== undefined) {
      part.source = 'lot';
      part.lot = wallet.seq;
      part.expiresAt = request.expiresAt;
    }
    give(wallet, [part]);
    if (request.kind === 'top_up') wallet.toppedUp += part.amount;
    else wallet.granted += part.amount;
    this.#count(wallet, HOUSE[request.kind], part.amount);
    return this.#record(request, [part]);
  }

  #spend(request: Request): Receipt {
    const wallet = this.#edit(request.wallet);
    const parts = this.#take(wallet, request.amount ?? 0n);
    wallet.seq += 1;
    wallet.spent += sum(parts);
    this.#count(wallet, HOUSE.spend, sum(parts));
    return this.#record(request, parts);
  }

  #transfer(request: Request): Receipt {
    const [from, to] = [this.#edit(request.wallet), this.#edit(request.to ?? '')];
    const parts = this.#take(from, request.amount ?? 0n);
    from.seq += 1;
    to.seq += 1;
    from.sent += sum(parts);
    // They keep their expiry, in a lot of the wallet where they arrive.
    give(
      to,
      parts.map((part) => (part.source === 'lot' ? { ...part, lot: to.seq } : part)),
    );
    return this.#record(request, parts, { other: to.name, otherSeq: to.seq });
  }

  #hold(request: Request): Receipt {
    const wallet = this.#edit(request.wallet);
    const parts = this.#take(wallet, request.amount ?? 0n);
    wallet.seq += 1;
    const id = this.#newTransfer();
    wallet.holds.push({ id, seq: wallet.seq, expiresAt: request.expiresAt ?? null, parts });
    this.#layers.holds.set(id, { wallet: wallet.name, status: 'open' });
    return this.#record({ ...request, hold: id }, parts, { id, left: [] });
  }

  #endHold(request: Request, now: Instant): Receipt {
    const id = request.hold ?? '';
    const { status } = this.#layers.holds.get(id) ?? {};
    if (status !== 'open') throw new Refused('WLHLD', { status });
    const reserved = this.#find(request.wallet).holds.find((hold) => hold.id === id)?.parts ?? [];
    const captured = request.kind === 'capture' ? (request.amount ?? sum(reserved)) : 0n;
    if (request.kind === 'capture') this.#checkLimit(request.wallet, 'capture', captured, false);
    if (captured > sum(reserved))
      throw new Refused('WLFND', { available: String(sum(reserved)), requested: String(captured) });
    const parts = this.#closeHold(request.wallet, id, captured, request.kind === 'capture' ? 'captured' : 'released');
    const wallet = this.#edit(request.wallet);
    wallet.spent += captured;
    this.#count(wallet, HOUSE.capture, captured);
    const receipt =
      request.kind === 'capture' ? this.#record(request, parts) : this.#record(request, reserved, { left: [] });
    return this.#afterExpiry(receipt, now);
  }

  /** Takes back what the original gave: paid credits first, then the reverse of the order of drawing. */
  #reverse(request: Request, now: Instant, original: Transfer): Receipt {
    const reversible = HOUSE[original.kind] !== undefined || original.kind === 'transfer';
    const left = reversible ? sum(original.left) : 0n;
    const amount = request.amount ?? left;
    const mayOwe = request.owe === true && original.kind === 'top_up';
    if (left === 0n || amount > left || (request.owe === true && !mayOwe))
      throw new Refused('WLREV', { kind: original.kind, left: String(left) });
    const gives = original.kind === 'top_up' || original.kind === 'bonus';
    const acting = this.#edit(request.wallet);
    const from = gives ? acting : original.other === undefined ? undefined : this.#edit(original.other);

    const taken: Part[] = [];
    let missing = amount;
    for (const part of original.left.toSorted((one, two) => drawingOrder(two, one))) {
      const most = part.amount < missing ? part.amount : missing;
      const there = part.source === 'lot' && !gives ? { ...part, lot: original.otherSeq } : part;
      const got = from && most > 0n ? takeOf(from, there, most) : most;
      missing -= got;
      if (got > 0n) taken.push({ ...part, amount: got });
    }
    if (missing > 0n && !mayOwe)
      throw new Refused('WLFND', {
        available: String(amount - missing),
        requested: String(amount),
        missing: String(missing),
      });

    if (!gives) give(acting, taken);
    acting.seq += 1;
    if (from && from !== acting) from.seq += 1;
    this.#count(acting, HOUSE[original.kind], -amount);
    if (missing > 0n) {
      // The debt has a line of its own.
      acting.seq += 1;
      acting.owed += missing;
      this.#count(acting, 'receivables', missing);
    }
    const rest = original.left.map((part) => {
      const back = taken.find(
        ({ source, lot, expiresAt }) => source === part.source && lot === part.lot && expiresAt === part.expiresAt,
      );
      return { ...part, amount: part.amount - (back?.amount ?? 0n) - (part.source === 'paid' ? missing : 0n) };
    });
    this.#layers.transfers.set(original.id, { ...original, left: rest });
    const receipt = this.#record(request, taken, { left: [], other: original.other });
    return gives ? receipt : this.#afterExpiry(receipt, now);
  }

  /** What a movement freed or gave back may have expired: then it goes in the same commit, and is not available after it. */
  #afterExpiry(receipt: Receipt, now: Instant): Receipt {
    this.#expireLots(receipt.wallet, now);
    return { ...receipt, available: sum(this.#find(receipt.wallet).free) };
  }

  #closeHold(name: string, id: string, captured: bigint, status: Placed['status']): Part[] {
    const wallet = this.#edit(name);
    const { taken, rest } = split(wallet.holds.find((hold) => hold.id === id)?.parts ?? [], captured);
    wallet.holds = wallet.holds.filter((hold) => hold.id !== id);
    wallet.seq += 1;
    give(wallet, rest);
    this.#layers.holds.set(id, { wallet: name, status });
    return taken;
  }

  #expireLots(name: string, now: Instant): boolean {
    const due = dueLots(this.#find(name), now);
    if (due.length === 0) return false;
    const wallet = this.#edit(name);
    wallet.free = wallet.free.filter(({ expiresAt }) => !isDue(expiresAt, now));
    wallet.seq += 1;
    this.#count(wallet, 'breakage', sum(due));
    return true;
  }

  #take(wallet: Wallet, amount: bigint): Part[] {
    const parts = take(wallet, amount);
    if (!parts) throw new Refused('WLFND', { available: String(sum(wallet.free)), requested: String(amount) });
    return parts;
  }

  /** The receipt of the acting wallet as it is now; the movement is remembered. */
  #record(request: Request, parts: Part[], more: Partial<Transfer> = {}): Receipt {
    const id = more.id ?? this.#newTransfer();
    const { wallet: name, kind } = request;
    const isBlank = Object.keys(request.metadata ?? {}).length === 0 && request.reason === undefined;
    const metadata = isBlank ? {} : { metadata: 'some' as const };
    this.#layers.transfers.set(id, { id, wallet: name, kind, amount: sum(parts), left: parts, ...metadata, ...more });
    const wallet = this.#find(name);
    const credits = all(wallet);
    return {
      transfer: id,
      wallet: name,
      seq: wallet.seq,
      kind,
      amount: sum(parts),
      bonusAmount: bonusOf(parts),
      balance: sum(credits),
      bonusBalance: bonusOf(credits),
      heldBalance: sum(held(wallet)),
      available: sum(wallet.free),
      hold: request.hold ?? null,
      replayed: false,
      owed: wallet.owed,
    };
  }

  #find(name: string): Wallet {
    const wallet = this.#layers.wallets.get(name);
    if (!wallet) throw new Refused('WLNOW');
    return wallet;
  }

  #edit(name: string): Wallet {
    const wallet = structuredClone(this.#find(name));
    this.#layers.wallets.set(name, wallet);
    return wallet;
  }

  #count({ asset }: Wallet, account: string | undefined, amount: bigint): void {
    if (account === undefined) return;
    const name = `${asset} ${account}`;
    this.#layers.accounts.set(name, (this.#layers.accounts.get(name) ?? 0n) + amount);
  }

  #checkStatus(name: string, leaving: boolean): void {
    const { status } = this.#find(name);
    if (status === 'closed') throw new Refused('WLCLS');
    if (status === 'frozen' && leaving) throw new Refused('WLFRZ');
  }
}

const isOutOfBounds = (amount: bigint): boolean => amount < 1n || amount > MAX_AMOUNT;

function checkRequest({ kind, wallet, to, amount, key, toAmount = null, bonus = 0n, expiresAt }: Request): void {
  const optional = ['capture', 'release', 'reversal', 'merge'].includes(kind);
  if (amount === null ? !optional : isOutOfBounds(amount)) throw new Refused('WLAMT');
  if (kind === 'exchange' && (toAmount === null || isOutOfBounds(toAmount))) throw new Refused('WLAMT');
  if (key.length < 1 || key.length > 200) throw new Refused('WLARG', { argument: 'idem_key' });
  if (kind === 'opening' && bonus > (amount ?? 0n)) throw new Refused('WLARG', { argument: 'bonus_amount' });
  if (kind === 'opening' && bonus === 0n && expiresAt !== undefined)
    throw new Refused('WLARG', { argument: 'expires_at' });
  if (wallet === to) throw new Refused('WLSLF');
}

/** The same key with anything different names the first field that is. Of blanked metadata only their hash is known, which a reason is in. */
function checkReplay(first: Request, again: Request, blanked: boolean): void {
  const metadataOf = ({ metadata = {}, reason }: Request) =>
    JSON.stringify(blanked && reason !== undefined ? { ...metadata, reason } : metadata);
  const fields: [string, unknown, unknown][] = [
    ['kind', first.kind, again.kind],
    ['to_wallet', first.to, again.to],
    ['hold_id', first.hold, again.hold],
    ['transfer_id', first.transfer, again.transfer],
    ['side', first.side, again.side],
    ['amount', first.amount, again.amount],
    ['to_amount', first.toAmount, again.toAmount],
    ['bonus_amount', first.bonus, again.bonus],
    ['expires_at', first.expiresAt, again.expiresAt],
    ['reason', blanked ? again.reason : first.reason, again.reason],
    ['metadata', metadataOf(first), metadataOf(again)],
  ];
  const different = fields.find(([, one, two]) => one !== two);
  if (different) throw new Refused('WLKEY', { field: different[0] });
}
