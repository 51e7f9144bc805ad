/** A wallet as the model has it: its credits by where they come from. What a hold reserves is with the hold, the rest is free. */

/** Microseconds since 1970. */
export type Instant = number;
export type Source = 'paid' | 'bonus' | 'lot';
export type Status = 'open' | 'frozen' | 'closed';

/** Credits of one source; those of a lot name the entry that made it, and when they expire. */
export interface Part {
  source: Source;
  lot?: number;
  expiresAt?: Instant;
  amount: bigint;
}

export interface Hold {
  id: string;
  /** The entry that reserved it. */
  seq: number;
  expiresAt: Instant | null;
  /** In the order in which they are captured. */
  parts: Part[];
}

export interface Wallet {
  name: string;
  asset: string;
  status: Status;
  /** The number of its newest entry. */
  seq: number;
  free: Part[];
  holds: Hold[];
  /** Lifetime totals. */
  toppedUp: bigint;
  granted: bigint;
  spent: bigint;
  sent: bigint;
  /** Whether it has had its opening balance. */
  opened: boolean;
  /** What chargebacks could not take. */
  owed: bigint;
  /** Those of its own, which go before its asset's. */
  limits: Limits;
  mergedInto?: string;
}

export const LIMITS = [
  'max_spend',
  'max_balance',
  'max_daily_top_up',
  'max_daily_bonus',
  'max_daily_spend',
  'max_transfer',
  'max_daily_transfer',
] as const;
export type Limits = Partial<Record<(typeof LIMITS)[number], bigint>>;

/** What an asset says of all its wallets. */
export interface Rules {
  limits: Limits;
  /** Whether top-ups pay debts. */
  collects: boolean;
  /** Whether the metadata of a top-up may name a payment, which is booked once then. */
  unique: boolean;
}

export const newWallet = (name: string, asset: string): Wallet => ({
  name,
  asset,
  status: 'open',
  seq: 0,
  free: [],
  holds: [],
  toppedUp: 0n,
  granted: 0n,
  spent: 0n,
  sent: 0n,
  opened: false,
  owed: 0n,
  limits: {},
});

export const sum = (parts: Part[]): bigint => parts.reduce((total, { amount }) => total + amount, 0n);
export const bonusOf = (parts: Part[]): bigint => sum(parts.filter(({ source }) => source !== 'paid'));

export const held = (wallet: Wallet): Part[] => wallet.holds.flatMap(({ parts }) => parts);
export const all = (wallet: Wallet): Part[] => [...wallet.free, ...held(wallet)];

/** Lots that expire first, of these the oldest; then bonus credits that do not expire; then paid ones. */
export function drawingOrder(one: Part, two: Part): number {
  const rank = { lot: 0, bonus: 1, paid: 2 };
  return (
    rank[one.source] - rank[two.source] ||
    (one.expiresAt ?? 0) - (two.expiresAt ?? 0) ||
    (one.lot ?? 0) - (two.lot ?? 0)
  );
}

/** The first `amount` of parts, and what is left of them. */
export function split(parts: Part[], amount: bigint): { taken: Part[]; rest: Part[] } {
  const taken: Part[] = [];
  const rest: Part[] = [];
  let missing = amount;
  for (const part of parts) {
    const take = part.amount < missing ? part.amount : missing;
    missing -= take;
    if (take > 0n) taken.push({ ...part, amount: take });
    if (take < part.amount) rest.push({ ...part, amount: part.amount - take });
  }
  return { taken, rest };
}

const same = (one: Part, two: Part): boolean =>
  one.source === two.source && one.lot === two.lot && one.expiresAt === two.expiresAt;

/** Parts of one source, or of one lot, are one part. */
export function merge(parts: Part[]): Part[] {
  const merged: Part[] = [];
  for (const part of parts) {
    const known = merged.find((other) => same(other, part));
    if (known) known.amount += part.amount;
    else if (part.amount > 0n) merged.push({ ...part });
  }
  return merged;
}

export function give(wallet: Wallet, parts: Part[]): void {
  wallet.free = merge([...wallet.free, ...parts]).sort(drawingOrder);
}

/** Takes what a spend would take; undefined where there is not enough. */
export function take(wallet: Wallet, amount: bigint): Part[] | undefined {
  const { taken, rest } = split(wallet.free, amount);
  if (sum(taken) < amount) return undefined;
  wallet.free = rest;
  return taken;
}

/** Takes of one part what is free, at most `amount`. */
export function takeOf(wallet: Wallet, part: Part, amount: bigint): bigint {
  const free = wallet.free.find((other) => same(other, part));
  if (!free) return 0n;
  const taken = free.amount < amount ? free.amount : amount;
  free.amount -= taken;
  wallet.free = merge(wallet.free);
  return taken;
}

export const isDue = (expiresAt: Instant | null | undefined, now: Instant): boolean =>
  expiresAt !== null && expiresAt !== undefined && expiresAt <= now;

export const dueLots = (wallet: Wallet, now: Instant): Part[] =>
  wallet.free.filter(({ expiresAt }) => isDue(expiresAt, now));

export const openHolds = (wallet: Wallet, now: Instant): Hold[] =>
  wallet.holds.filter(({ expiresAt }) => !isDue(expiresAt, now));

/** What no open hold reserves, expired or not. */
export const unreserved = (wallet: Wallet, now: Instant): Part[] =>
  merge([...wallet.free, ...dueHolds(wallet, now).flatMap(({ parts }) => parts)]);

/** What a spend at that instant could take: what is due counts, booked or not. */
export const spendable = (wallet: Wallet, now: Instant): Part[] =>
  unreserved(wallet, now).filter(({ expiresAt }) => !isDue(expiresAt, now));

export const dueHolds = (wallet: Wallet, now: Instant): Hold[] =>
  wallet.holds
    .filter(({ expiresAt }) => isDue(expiresAt, now))
    .sort((one, two) => (one.expiresAt ?? 0) - (two.expiresAt ?? 0) || one.seq - two.seq);
