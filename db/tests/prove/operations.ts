/** What clients ask for: postings, each with a key of its own, sent one by one, as a batch, each for itself, or in one transaction. */
import type { Receipt } from '../helpers.ts';
import type { Chance } from './chance.ts';

export type Kind =
  | 'top_up'
  | 'bonus'
  | 'spend'
  | 'transfer'
  | 'hold'
  | 'capture'
  | 'release'
  | 'reversal'
  | 'exchange'
  | 'adjustment'
  | 'collection'
  | 'forgiveness'
  | 'opening'
  | 'merge';

export interface Posting {
  kind: Kind;
  wallet: string;
  key: string;
  /** Null: all of the hold, what is left to reverse, or all that a merge moves. */
  amount: number | null;
  /** Who receives a transfer; of an exchange, the owner's wallet of the other asset; of a merge, the successor. */
  counterparty?: string;
  /** What arrives in an exchange. */
  toAmount?: number;
  /** Of an adjustment. */
  side?: 'debit' | 'credit';
  /** Of an adjustment, of what is forgiven, and of a merge. */
  reason?: string;
  /** Of an opening balance: the part of the amount that is bonus credits. */
  bonusAmount?: number;
  /** Of a reversal: what is gone becomes a debt. */
  owe?: boolean;
  /** What is captured or released. */
  hold?: string;
  /** What is reversed. */
  transfer?: string;
  expiresAt?: string;
  metadata: Record<string, unknown>;
}

/** All of its postings are booked, or none; of a group each for itself. */
export interface Operation {
  shape: 'single' | 'batch' | 'group' | 'transaction';
  postings: Posting[];
  /** Whether a group waits for wallets that others have locked. */
  waits?: boolean;
  /** Undone by the client itself. */
  rollsBack?: boolean;
}

export interface Call {
  /** Of the function. */
  name: string;
  args: Record<string, unknown>;
}

/** The call of the ledger that asks for it. */
export function callOf(posting: Posting): Call {
  const { kind, wallet, key, amount, metadata } = posting;
  const usual = { wallet_id: wallet, amount: amount === null ? null : String(amount), idem_key: key, metadata };
  const expiry = posting.expiresAt === undefined ? {} : { expires_at: posting.expiresAt };
  const whole = { wallet_id: wallet, idem_key: key, metadata };
  switch (kind) {
    case 'bonus':
    case 'hold':
      return { name: `wallet_${kind}`, args: { ...usual, ...expiry } };
    case 'transfer': {
      const { wallet_id: from_wallet, ...rest } = usual;
      return { name: 'wallet_transfer', args: { from_wallet, to_wallet: posting.counterparty, ...rest } };
    }
    case 'exchange': {
      const { wallet_id: from_wallet, ...rest } = usual;
      const to = { to_wallet: posting.counterparty, to_amount: String(posting.toAmount) };
      return { name: 'wallet_exchange', args: { from_wallet, ...to, ...rest } };
    }
    case 'opening':
      return { name: 'wallet_opening', args: { ...usual, ...expiry, bonus_amount: String(posting.bonusAmount) } };
    case 'merge':
      return {
        name: 'wallet_merge',
        args: { from_wallet: wallet, to_wallet: posting.counterparty, idem_key: key, reason: posting.reason },
      };
    case 'adjustment':
      return { name: 'wallet_adjust', args: { ...usual, side: posting.side, reason: posting.reason } };
    case 'collection':
      return { name: 'wallet_collect', args: usual };
    case 'forgiveness':
      return { name: 'wallet_forgive', args: { ...usual, reason: posting.reason } };
    case 'capture':
      return { name: 'wallet_capture', args: { ...usual, hold_id: posting.hold } };
    case 'release':
      return { name: 'wallet_release', args: { ...whole, hold_id: posting.hold } };
    case 'reversal':
      return {
        name: 'wallet_reverse',
        args: { ...usual, transfer_id: posting.transfer, ...(posting.owe && { owe: true }) },
      };
    default:
      return { name: `wallet_${kind}`, args: usual };
  }
}

/** Of one asset. */
export interface Wallets {
  hot: string[];
  cold: string[];
  /** Used like the others, until they are merged into another one. */
  spare: string[];
}

/** What is there to act upon. */
export interface Stock {
  /** Few that everybody wants, and many. Those of one asset can send to each other; of one place in each asset, they are one owner's. */
  assets: Wallets[];
  /** Acknowledged, and perhaps still open. */
  holds: { wallet: string; id: string; amount: number }[];
  /** Acknowledged, to be reversed. */
  booked: { wallet: string; id: string; amount: number; kind: Kind }[];
  /** What wallets owed when somebody was told. */
  owing: { wallet: string; amount: number }[];
}

/** How often each shape comes. */
export type Shapes = Record<Operation['shape'], number>;

const REMEMBERED = 500;

const KINDS: Record<Kind, number> = {
  top_up: 20,
  bonus: 14,
  spend: 24,
  transfer: 18,
  hold: 9,
  capture: 7,
  release: 3,
  reversal: 5,
  exchange: 7,
  adjustment: 4,
  collection: 2,
  forgiveness: 1,
  opening: 3,
  merge: 2,
};
/** What a job may ask for. */
const A_JOBS = only('top_up', 'bonus', 'spend', 'transfer', 'hold', 'capture', 'release', 'exchange');
/** What it may not. */
export const AN_OPERATORS: readonly Kind[] = [
  'reversal',
  'adjustment',
  'collection',
  'forgiveness',
  'opening',
  'merge',
];
/** Those whose movement nobody reverses here. */
const FINAL: readonly Kind[] = ['release', ...AN_OPERATORS];
const SHAPES: Shapes = { single: 78, batch: 7, group: 10, transaction: 5 };
const MOST_IN_BATCH = 12;
const MOST_IN_GROUP = 24;

export class Operations {
  readonly #stock: Stock;
  readonly #chance: Chance;
  readonly #newKey: () => string;
  readonly #shapes: Shapes;

  constructor(stock: Stock, chance: Chance, newKey: () => string, shapes: Partial<Shapes> = SHAPES) {
    this.#stock = stock;
    this.#chance = chance;
    this.#newKey = newKey;
    this.#shapes = { single: 0, batch: 0, group: 0, transaction: 0, ...shapes };
  }

  next(): Operation {
    const shape = this.#chance.weighted(this.#shapes);
    if (shape === 'single') return { shape, postings: [this.posting(this.#chance.weighted(KINDS))] };
    if (shape === 'batch') return { shape, postings: this.#many(MOST_IN_BATCH) };
    if (shape === 'group') return { shape, postings: this.#many(MOST_IN_GROUP), waits: this.#chance.happens(50) };
    const postings = [this.posting(this.#chance.weighted(A_JOBS)), this.posting(this.#chance.weighted(A_JOBS))];
    return { shape, postings, rollsBack: this.#chance.happens(20) };
  }

  /** Half of them of kinds that every door takes. */
  #many(most: number): Posting[] {
    const kinds = this.#chance.happens(50) ? KINDS : A_JOBS;
    return Array.from({ length: this.#chance.int(1, most) }, () =>
      this.posting(this.#chance.weighted<Kind>(kinds as Record<Kind, number>)),
    );
  }

  posting(kind: Kind): Posting {
    const chance = this.#chance;
    const wallets = chance.pick(this.#stock.assets);
    const wallet = this.#wallet(wallets);
    const usual = { kind, wallet, key: this.#newKey(), amount: chance.int(1, 60), metadata: this.#metadata() };
    switch (kind) {
      case 'top_up':
        return { ...usual, amount: chance.int(1, 120) };
      case 'bonus':
      case 'hold':
        return chance.happens(50) ? { ...usual, expiresAt: this.#soon() } : usual;
      case 'transfer':
        return { ...usual, counterparty: this.#other(wallet, wallets) };
      case 'capture':
      case 'release': {
        const hold = this.#take(this.#stock.holds);
        if (!hold) return this.posting('hold');
        const { wallet: owner, id } = hold;
        const amount = chance.happens(50) ? null : chance.int(1, hold.amount);
        return { ...usual, wallet: owner, hold: id, amount: kind === 'release' ? null : amount };
      }
      case 'reversal': {
        const booked = this.#take(this.#stock.booked);
        if (!booked) return this.posting('spend');
        const { wallet: owner, id } = booked;
        return {
          ...usual,
          wallet: owner,
          transfer: id,
          amount: chance.happens(50) ? null : chance.int(1, booked.amount),
          // Only of what was bought.
          ...(booked.kind === 'top_up' && chance.happens(70) && { owe: true }),
        };
      }
      case 'collection':
      case 'forgiveness': {
        const owing = this.#take(this.#stock.owing);
        if (!owing) return this.posting('reversal');
        const amount = chance.int(1, owing.amount);
        return { ...usual, wallet: owing.wallet, amount, ...(kind === 'forgiveness' && { reason: 'too "old"; ü' }) };
      }
      case 'exchange': {
        const counterparty = this.#exchanged(wallet);
        if (counterparty === undefined) return this.posting('spend');
        return { ...usual, counterparty, toAmount: chance.int(1, 60) };
      }
      case 'opening': {
        const amount = chance.int(1, 120);
        const bonusAmount = chance.happens(50) ? chance.int(1, amount) : 0;
        const expiry = bonusAmount > 0 && chance.happens(50) ? { expiresAt: this.#soon() } : {};
        return { ...usual, amount, bonusAmount, ...expiry };
      }
      case 'merge': {
        const from = this.#take(wallets.spare);
        if (from === undefined) return this.posting('opening');
        const counterparty = this.#other(from, wallets);
        return { ...usual, wallet: from, counterparty, amount: null, reason: 'two "accounts"; ü', metadata: {} };
      }
      case 'adjustment':
        return { ...usual, side: chance.happens(50) ? 'debit' : 'credit', reason: 'an "error"; ü' };
      case 'spend':
        return usual;
    }
  }

  /** The same owner's wallet of another asset. */
  #exchanged(wallet: string): string | undefined {
    const assets = this.#stock.assets.map(({ hot, cold }) => [...hot, ...cold]);
    const place = Math.max(...assets.map((wallets) => wallets.indexOf(wallet)));
    const others = assets.filter((wallets) => wallets[place] !== wallet && wallets[place] !== undefined);
    return others.length > 0 ? this.#chance.pick(others)[place] : undefined;
  }

  #wallet({ hot, cold, spare }: Wallets): string {
    if (spare.length > 0 && this.#chance.happens(8)) return this.#chance.pick(spare);
    return this.#chance.pick(this.#chance.happens(40) ? hot : cold);
  }

  #other(wallet: string, wallets: Wallets): string {
    for (;;) {
      const other = this.#wallet(wallets);
      if (other !== wallet) return other;
    }
  }

  /** One of the last, so that others take the same one now and then. */
  #take<T>(list: T[]): T | undefined {
    if (list.length === 0) return undefined;
    const place = this.#chance.int(Math.max(0, list.length - 40), list.length - 1);
    return this.#chance.happens(70) ? list.splice(place, 1)[0] : list[place];
  }

  #soon(): string {
    return new Date(Date.now() + this.#chance.int(1_000, 9_000)).toISOString();
  }

  #metadata(): Record<string, unknown> {
    const chance = this.#chance;
    return chance.happens(70)
      ? {}
      : { order: chance.int(1, 1_000_000), note: `${chance.int(1, 9)} swords, "sharp"; ü` };
  }
}

/** What was acknowledged can be captured, released or reversed from now on. */
export function remember(stock: Stock, { kind, counterparty }: Posting, receipt: Receipt | undefined): void {
  if (!receipt) return;
  if (kind === 'merge')
    for (const kept of [...stock.booked, ...stock.owing])
      if (kept.wallet === receipt.wallet_id) kept.wallet = counterparty ?? '';
  const { wallet_id: wallet, transfer_id: id } = receipt;
  const amount = Number(receipt.amount);
  if (kind === 'hold') stock.holds.push({ wallet, id: receipt.hold_id ?? '', amount });
  else if (!FINAL.includes(kind)) stock.booked.push({ wallet, id, amount, kind });
  const owed = Number(receipt.owed);
  if (owed > 0) stock.owing.push({ wallet, amount: owed });
  for (const list of [stock.holds, stock.booked, stock.owing]) list.splice(0, list.length - REMEMBERED);
}

function only<K extends Kind>(...kinds: K[]): Record<K, number> {
  return Object.fromEntries(kinds.map((kind) => [kind, KINDS[kind]])) as Record<K, number>;
}
