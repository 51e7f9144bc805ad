/** The calls of the ledger as random commands that can be shrunk. */
import fc from 'fast-check';
import type { Kind, Request } from './ledger.ts';
import type { Twin } from './twin.ts';
import { type Instant, type Limits, LIMITS, type Rules, type Status } from './wallet.ts';

/** Players' wallets of one asset; `late` is only opened by a command. */
export const WALLETS = ['ann', 'ben', 'cid', 'late'];
/** Further wallets of that asset, which are merged into others. */
export const MERGING = ['dee', 'eve'];
/** Wallets of another asset of two of the players, for exchanges. */
export const OTHERS = ['ann other', 'ben other'];
/** A wallet of another asset, and an unknown one. */
const STRANGERS = ['foreign', 'nobody'];
const YEARS = [2101, 2102].map((year) => Date.UTC(year, 0) * 1000);

type Amount = bigint | 'all' | 'more' | null;
type Expiry = 'soon' | 'later' | 'far' | 'farther' | 'past' | undefined;

/** A drawn request: what it refers to is chosen when it is sent, counting from the newest. */
interface Draft {
  kind: Kind;
  wallet: string;
  to?: string;
  hold?: number;
  transfer?: number;
  amount: Amount;
  expires?: Expiry;
  metadata?: Record<string, unknown>;
  bonus?: bigint;
  side?: 'debit' | 'credit';
  reason?: string;
  toAmount?: bigint | null;
  owe?: boolean;
  badKey?: string;
  /** Uses this wallet even if the hold or transfer belongs to another. */
  stubborn?: boolean;
}

interface Again {
  again: number;
  change: 'none' | 'amount' | 'metadata' | 'kind' | 'expiry' | 'more';
}

type Item = Draft | Again;
type Command = fc.AsyncCommand<Twin, Twin>;

const wallet = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(...WALLETS.slice(0, 3)) },
  { weight: 3, arbitrary: fc.constant('late') },
  { weight: 2, arbitrary: fc.constantFrom(...STRANGERS) },
  { weight: 4, arbitrary: fc.constantFrom(...OTHERS) },
  { weight: 3, arbitrary: fc.constantFrom(...MERGING) },
);
const small = fc.bigInt({ min: 1n, max: 30n });
const gained: fc.Arbitrary<Amount> = fc.oneof(
  { weight: 60, arbitrary: fc.bigInt({ min: 1n, max: 99n }) },
  { weight: 1, arbitrary: fc.constantFrom(0n, -1n, 10n ** 15n, 10n ** 15n + 1n, null) },
);
const spent: fc.Arbitrary<Amount> = fc.oneof(
  { weight: 40, arbitrary: small },
  { weight: 6, arbitrary: fc.constantFrom('all' as const, 'more' as const) },
  { weight: 1, arbitrary: fc.constantFrom(0n, null) },
);
const few = fc.bigInt({ min: 1n, max: 4n });
const part: fc.Arbitrary<Amount> = fc.oneof(fc.constant(null), small);
/** Mostly the newest. */
const pick = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 8 }) });
const expires: fc.Arbitrary<Expiry> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Expiry>('far', 'farther') },
  { weight: 6, arbitrary: fc.constantFrom<Expiry>('soon', 'later') },
  { weight: 1, arbitrary: fc.constant<Expiry>('past') },
);
const common = {
  wallet,
  metadata: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant({ n: 1 }) }),
  badKey: fc.oneof(
    { weight: 60, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('', 'x'.repeat(201)) },
  ),
};
const stubborn = fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const draft = (kind: Kind, more: { [name in keyof Draft]?: fc.Arbitrary<Draft[name]> }): fc.Arbitrary<Draft> =>
  fc.record({ kind: fc.constant(kind), amount: fc.constant(null), ...common, ...more });

/** Few payments, so that some are repeated. */
const payment = fc.constantFrom('one', 'two', 'three', 'four').map((name) => ({ payment: name }));
const topUp = draft('top_up', {
  amount: gained,
  metadata: fc.oneof({ weight: 2, arbitrary: common.metadata }, { weight: 1, arbitrary: payment }),
});
const bonus = draft('bonus', { amount: gained });
const expiring = draft('bonus', { amount: gained, expires });
const spend = draft('spend', { amount: spent });
const receiver = fc.oneof({ weight: 12, arbitrary: wallet }, { weight: 1, arbitrary: fc.constant('foreign') });
const transfer = draft('transfer', { amount: spent, to: receiver });
const hold = draft('hold', {
  amount: spent,
  expires: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: expires }),
});
const capture = draft('capture', { amount: part, hold: pick, stubborn });
const release = draft('release', { hold: pick, stubborn });
const reversal = draft('reversal', {
  ...{ amount: part, transfer: pick, stubborn },
  owe: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const opening = draft('opening', {
  amount: gained,
  bonus: fc.bigInt({ min: 0n, max: 60n }),
  expires: fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: expires }),
});
const adjustment = draft('adjustment', {
  amount: spent,
  side: fc.constantFrom('debit' as const, 'credit' as const),
  reason: fc.constantFrom('an error', 'another'),
});
const collection = draft('collection', { amount: spent });
const forgiveness = draft('forgiveness', { amount: spent, reason: fc.constantFrom('a gesture', 'another') });
const merge = draft('merge', {
  ...{ to: receiver, metadata: fc.constant(undefined), reason: fc.constantFrom('two accounts', 'another') },
  wallet: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...MERGING) }, { weight: 1, arbitrary: wallet }),
});
const pair = fc.constantFrom<[string, string][]>(
  ['ann', 'ann other'],
  ['ben other', 'ben'],
  ['ben', 'ben other'],
  ['ann other', 'ann'],
);
const exchange = fc
  .tuple(
    draft('exchange', {
      amount: spent,
      to: receiver,
      toAmount: fc.oneof({ weight: 30, arbitrary: small }, { weight: 1, arbitrary: fc.constantFrom(0n, null) }),
    }),
    fc.oneof({ weight: 8, arbitrary: pair }, { weight: 1, arbitrary: fc.constant(undefined) }),
  )
  .map(([item, wallets]): Draft => (wallets ? { ...item, wallet: wallets[0], to: wallets[1] } : item));
const again: fc.Arbitrary<Again> = fc.record({
  again: pick,
  change: fc.oneof(
    { weight: 3, arbitrary: fc.constant('none' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Again['change'][]>('amount', 'metadata', 'kind', 'expiry', 'more'),
    },
  ),
});

/** Requests sent one after the other, in a batch, or as independent calls in one. */
class Post implements Command {
  readonly #items: Item[];
  readonly #list: 'batch' | 'each' | undefined;

  constructor(items: Item[], list?: 'batch' | 'each') {
    this.#items = items;
    this.#list = list;
  }

  check(): boolean {
    return true;
  }

  async run(twin: Twin): Promise<void> {
    const requests: Request[] = [];
    for (const [place, item] of this.#items.entries()) {
      const request = 'again' in item ? repeat(item, twin, requests) : await resolve(item, twin, place);
      // Nothing has been requested yet, or there is no such hold or transfer.
      if (!request) continue;
      if (this.#list) requests.push(request);
      else await twin.post(request);
    }
    if (this.#list) await twin[this.#list](requests);
  }

  toString(): string {
    const items = this.#items.map((item) => {
      if ('again' in item) return `again(${item.again}, ${item.change})`;
      const { kind, ...facts } = item;
      const told = Object.entries<unknown>(facts).filter(([, value]) => value !== undefined && value !== false);
      return `${kind}(${told.map(([name, value]) => `${name} ${show(value)}`).join(', ')})`;
    });
    return this.#list ? `${this.#list}[${items.join('; ')}]` : items.join(', ');
  }
}

const show = (value: unknown): string => (typeof value === 'bigint' ? String(value) : JSON.stringify(value));

class Steps implements Command {
  readonly #steps: Command[];

  constructor(steps: Command[]) {
    this.#steps = steps;
  }

  check(): boolean {
    return true;
  }

  async run(twin: Twin): Promise<void> {
    for (const step of this.#steps) await step.run(twin, twin);
  }

  toString(): string {
    return this.#steps.join(', ');
  }
}

/** A command with a name. */
class Act implements Command {
  readonly #name: string;
  readonly #act: (twin: Twin) => Promise<void>;

  constructor(name: string, act: (twin: Twin) => Promise<void>) {
    this.#name = name;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  run(twin: Twin): Promise<void> {
    return this.#act(twin);
  }

  toString(): string {
    return this.#name;
  }
}

async function resolve(item: Draft, twin: Twin, place: number): Promise<Request | undefined> {
  const { kind, to, metadata, bonus, side, reason, toAmount, owe } = item;
  // The newest hold or transfer of any wallet, which then is the acting wallet.
  const chosen = item.hold === undefined ? undefined : nth(twin.ledger.holds(), item.hold);
  const original = item.transfer === undefined ? undefined : nth(twin.ledger.transfers(), item.transfer);
  if ((item.hold !== undefined && !chosen) || (item.transfer !== undefined && !original)) return undefined;
  const name = item.stubborn ? item.wallet : ((chosen ?? original)?.wallet ?? item.wallet);
  // The model has no reversals by a successor: merges_property.test compares them with an unmerged wallet.
  if (original && twin.ledger.wentTo(original.wallet, name)) return undefined;
  const expiresAt = await instant(item.expires, twin);
  return {
    kind,
    wallet: name,
    amount: amountOf(item.amount, name, twin),
    key: item.badKey ?? `key-${twin.asked.length + place}`,
    ...(to !== undefined && { to }),
    ...(chosen && { hold: chosen.id }),
    ...(original && { transfer: original.id }),
    ...(expiresAt !== undefined && { expiresAt: twin.watch(expiresAt) }),
    ...(metadata && { metadata }),
    ...(bonus !== undefined && { bonus }),
    ...(side && { side }),
    ...(reason !== undefined && { reason }),
    ...(owe && { owe }),
    ...(toAmount !== undefined && { toAmount }),
  };
}

/** Repeats an earlier request, sometimes with a change. */
function repeat({ again: back, change }: Again, twin: Twin, batch: Request[]): Request | undefined {
  const request = nth([...twin.asked, ...batch], back);
  if (!request) return undefined;
  switch (change) {
    case 'none':
      return request;
    case 'amount':
      // These have no amount.
      if (request.kind === 'release' || request.kind === 'merge') return request;
      return { ...request, amount: (request.amount ?? 0n) + 1n };
    case 'metadata':
      return request.kind === 'merge' ? request : { ...request, metadata: { n: 2 } };
    case 'expiry':
      return request.kind === 'bonus' ? { ...request, expiresAt: Date.UTC(2103, 0) * 1000 } : request;
    case 'more':
      switch (request.kind) {
        case 'opening':
          return { ...request, bonus: (request.bonus ?? 0n) + 1n };
        case 'adjustment':
        case 'forgiveness':
        case 'merge':
          return { ...request, reason: 'a third' };
        case 'exchange':
          return { ...request, toAmount: (request.toAmount ?? 0n) + 1n };
        default:
          return request;
      }
    case 'kind':
      return { kind: 'top_up', wallet: request.wallet, amount: request.amount ?? 1n, key: request.key };
  }
}

const nth = <T>(list: T[], back: number): T | undefined => list.at(-1 - (list.length > 0 ? back % list.length : 0));

async function instant(expiry: Expiry, twin: Twin): Promise<Instant | undefined> {
  if (expiry === undefined) return undefined;
  if (expiry === 'past') return Date.UTC(2001, 0) * 1000;
  if (expiry === 'soon' || expiry === 'later') return twin.soon(expiry === 'soon' ? 0 : 1);
  return YEARS[expiry === 'far' ? 0 : 1];
}

/** All that is free in the model, or one more. */
function amountOf(amount: Amount, name: string, twin: Twin): bigint | null {
  if (amount === null || typeof amount === 'bigint') return amount;
  const free = twin.ledger.wallets.find((other) => other.name === name)?.free ?? [];
  const available = free.reduce((total, one) => total + one.amount, 0n);
  return amount === 'all' ? available : available + 1n;
}

const single = (item: fc.Arbitrary<Item>): fc.Arbitrary<Command> => item.map((one) => new Post([one]));
const flow = fc.oneof<fc.Arbitrary<Item>[]>(topUp, bonus, expiring, spend, transfer, again);
const any = fc.oneof<fc.Arbitrary<Item>[]>(
  ...[
    flow,
    flow,
    flow,
    hold,
    capture,
    release,
    reversal,
    reversal,
    opening,
    exchange,
    exchange,
    adjustment,
    collection,
    forgiveness,
    merge,
  ],
);
const list = fc
  .tuple(fc.array(any, { minLength: 1, maxLength: 6 }), fc.constantFrom('batch' as const, 'each' as const))
  .map(([items, kind]): Command => new Post(items, kind));
const setStatus = fc
  .tuple(fc.constantFrom(...WALLETS.slice(0, 3)), fc.constantFrom<Status>('frozen', 'closed', 'open', 'open'))
  .map(([name, status]): Command => new Act(`${status}(${name})`, (twin) => twin.setStatus(name, status)));
/** Sets the limits of one wallet, or of the asset. */
const limits = (name: string | undefined, set: Limits): Command => {
  const told = Object.entries(set).map(([limit, max]) => `${limit} ${max}`);
  return new Act(`limits(${[name ?? 'the asset', ...told].join(', ')})`, (twin) => twin.setLimits(name, set));
};
const limitedKind = (limit: keyof Limits): Kind =>
  limit.endsWith('spend')
    ? 'spend'
    : limit.endsWith('transfer')
      ? 'transfer'
      : limit.endsWith('bonus')
        ? 'bonus'
        : 'top_up';
const setLimits = fc
  .tuple(
    fc.oneof(fc.constant(undefined), fc.constantFrom(...WALLETS.slice(0, 3), ...OTHERS)),
    fc.subarray([...LIMITS], { maxLength: 3 }),
    fc.bigInt({ min: 1n, max: 12n }),
  )
  // Daily totals include all earlier bookings.
  .map(([name, names, size]): Command =>
    limits(name, Object.fromEntries(names.map((limit) => [limit, size * (/daily|balance/.test(limit) ? 40n : 2n)]))),
  );
const rules = (set: Partial<Rules>): Command => new Act(`rules(${JSON.stringify(set)})`, (twin) => twin.setRules(set));
const setRules = fc
  .constantFrom<Partial<Rules>>({ collects: true }, { collects: false }, { unique: true }, { unique: false })
  .map(rules);
/** Counts from the newest, those with metadata first. */
const redact = fc.nat({ max: 12 }).map(
  (back): Command =>
    new Act(`redact(${back})`, async (twin) => {
      const transfer = nth(twin.ledger.blankable(), back);
      if (transfer !== undefined) await twin.redact(transfer);
    }),
);
const act = (name: string, what: (twin: Twin) => Promise<void>): fc.Arbitrary<Command> =>
  fc.constant(new Act(name, what));

/** Combinations that are rare by chance: a hold of credits that expire, then a payment with credits of every source. */
const players = fc.constantFrom(...WALLETS.slice(0, 3));
const dueUnderHold = fc
  .tuple(players, small, small, fc.constantFrom<Expiry>('soon', 'later'), fc.constantFrom<Expiry>(undefined, 'later'))
  .map(([name, given, reserved, ends, freed]): Command => {
    const granted: Item = { kind: 'bonus', wallet: name, amount: given, expires: ends };
    return new Post([granted, { kind: 'hold', wallet: name, amount: reserved, expires: freed }]);
  });
const mixedPayment = fc
  .tuple(
    players,
    fc.array(fc.constantFrom<Expiry>(undefined, 'soon', 'far', 'farther'), { maxLength: 3 }),
    small,
    spent,
    players,
  )
  .map(([name, lots, bought, paid, to]): Command => {
    const granted = lots.map((ends): Item => ({ kind: 'bonus', wallet: name, amount: 5n, expires: ends }));
    const payment: Item =
      name === to
        ? { kind: 'spend', wallet: name, amount: paid }
        : { kind: 'transfer', wallet: name, to, amount: paid };
    return new Post([
      { kind: 'top_up', wallet: name, amount: bought },
      ...granted,
      payment,
      { again: 0, change: 'none' },
    ]);
  });

/** An exchange with credits of every source, and its reversal by either wallet. */
const takenBack = fc
  .tuple(pair, fc.array(fc.constantFrom<Expiry>(undefined, 'soon', 'far'), { maxLength: 3 }), small, spent, small, pick)
  .map(([[from, to], lots, bought, amount, toAmount, transfer]): Command => {
    const granted = lots.map((ends): Item => ({ kind: 'bonus', wallet: from, amount: 5n, expires: ends }));
    return new Post([
      { kind: 'adjustment', wallet: from, amount: bought, side: 'credit', reason: 'an error' },
      ...granted,
      { kind: 'exchange', wallet: from, to, amount, toAmount },
      { kind: 'reversal', wallet: from, amount: null, transfer },
      { again: 1, change: 'none' },
    ]);
  });

/** A charged-back top-up whose credits were spent; some of the debt is paid, also by the next top-up, or forgiven. */
const chargedBack = fc
  .tuple(players, small, spent, small, few, few, fc.constantFrom(undefined, false, true))
  .map(([name, bought, gone, later, paid, forgiven, collects]): Command => {
    const post = new Post([
      { kind: 'top_up', wallet: name, amount: bought },
      { kind: 'spend', wallet: name, amount: gone },
      // The newest reversible transfer is the spend, if there were enough credits for it.
      { kind: 'reversal', wallet: name, amount: null, transfer: 1, owe: true },
      { kind: 'top_up', wallet: name, amount: later },
      { kind: 'collection', wallet: name, amount: paid },
      { kind: 'forgiveness', wallet: name, amount: forgiven, reason: 'a gesture' },
    ]);
    return new Steps(collects === undefined ? [post] : [rules({ collects }), post]);
  });

/** One payment is named for two wallets, and repeated. */
const paidOnce = fc.tuple(players, players, payment, small).map(([one, two, metadata, amount]): Command => {
  const bought = (name: string): Item => ({ kind: 'top_up', wallet: name, amount, metadata });
  return new Steps([rules({ unique: true }), new Post([bought(one), bought(two), { again: 1, change: 'none' }])]);
});

/** Some limits of a wallet or the asset, each of which is tested and then removed. */
const limited = fc
  .tuple(players, players, fc.boolean(), fc.subarray([...LIMITS], { minLength: 2, maxLength: 4 }), small)
  .map(([name, to, own, names, amount]): Command => {
    const tried = names.map((limit): Command => {
      const kind = limitedKind(limit);
      const item: Item = { kind, wallet: name, amount, ...(kind === 'transfer' && { to }) };
      return new Steps([limits(own ? name : undefined, { [limit]: amount - 1n }), new Post([item])]);
    });
    return new Steps([...tried, limits(own ? name : undefined, {})]);
  });

/** A wallet with credits of every source, and perhaps a debt, is merged, and the merge is repeated. */
const merged = fc
  .tuple(
    fc.constantFrom(...MERGING),
    players,
    fc.array(fc.constantFrom<Expiry>(undefined, 'soon', 'far', 'far'), { maxLength: 4 }),
    small,
    spent,
    fc.boolean(),
  )
  .map(([from, to, lots, bought, gone, owes]): Command => {
    const granted = lots.map((ends): Item => ({ kind: 'bonus', wallet: from, amount: 5n, expires: ends }));
    const charged: Item = { kind: 'reversal', wallet: from, amount: null, transfer: 1 + lots.length, owe: true };
    return new Post([
      { kind: 'top_up', wallet: from, amount: bought },
      ...granted,
      { kind: 'spend', wallet: from, amount: gone },
      ...(owes ? [charged] : []),
      { kind: 'merge', wallet: from, to, amount: null, reason: 'two accounts' },
      { again: 0, change: 'none' },
    ]);
  });

/** Draws one command by weight. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 1, arbitrary: single(topUp) },
  { weight: 1, arbitrary: single(bonus) },
  { weight: 1, arbitrary: single(expiring) },
  { weight: 3, arbitrary: single(spend) },
  { weight: 3, arbitrary: single(transfer) },
  { weight: 3, arbitrary: single(hold) },
  { weight: 6, arbitrary: single(capture) },
  { weight: 3, arbitrary: single(release) },
  { weight: 6, arbitrary: single(reversal) },
  { weight: 4, arbitrary: single(again) },
  { weight: 1, arbitrary: single(opening) },
  { weight: 2, arbitrary: single(adjustment) },
  { weight: 3, arbitrary: single(exchange) },
  { weight: 3, arbitrary: takenBack },
  { weight: 3, arbitrary: chargedBack },
  { weight: 1, arbitrary: merged },
  { weight: 1, arbitrary: single(merge) },
  { weight: 1, arbitrary: setLimits },
  { weight: 2, arbitrary: limited },
  { weight: 1, arbitrary: setRules },
  { weight: 2, arbitrary: paidOnce },
  { weight: 2, arbitrary: redact },
  { weight: 1, arbitrary: single(collection) },
  { weight: 1, arbitrary: single(forgiveness) },
  { weight: 4, arbitrary: list },
  { weight: 4, arbitrary: dueUnderHold },
  { weight: 4, arbitrary: mixedPayment },
  { weight: 1, arbitrary: setStatus },
  { weight: 1, arbitrary: act('open(late)', (twin) => twin.open('late')) },
  { weight: 1, arbitrary: act('sweep', (twin) => twin.expireDue()) },
  { weight: 3, arbitrary: act('fallDue', (twin) => twin.fallDue()) },
);
