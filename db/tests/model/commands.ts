/** What may be asked of a ledger, as commands that are drawn at random and shrink. */
import fc from 'fast-check';
import type { Kind, Request } from './ledger.ts';
import type { Twin } from './twin.ts';
import { type Instant, type Limits, LIMITS, type Rules, type Status } from './wallet.ts';

/** Players' wallets of one asset; `late` is only opened by a command. */
export const WALLETS = ['ann', 'ben', 'cid', 'late'];
/** Wallets of that asset, too, which are merged into others. */
export const MERGING = ['dee', 'eve'];
/** Wallets of another asset that two of them have too, for what is exchanged. */
export const OTHERS = ['ann other', 'ben other'];
/** A wallet of another asset, and one that is not there. */
const STRANGERS = ['foreign', 'nobody'];
const YEARS = [2101, 2102].map((year) => Date.UTC(year, 0) * 1000);

type Amount = bigint | 'all' | 'more' | null;
type Expiry = 'soon' | 'later' | 'far' | 'farther' | 'past' | undefined;

/** A request as it is drawn: what it refers to is chosen when its turn comes, the newest first. */
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
  /** The wallet is meant, also where the hold or the transfer is another's. */
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

/** Few payments, so that some are named again. */
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

/** What is asked for: one after the other, in a batch, or in one call in which each stands for itself. */
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
      // Nothing has been asked for yet, or there is no such hold or transfer.
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

/** Commands one after the other. */
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

/** A command that is what it is called. */
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
  // The newest hold or transfer of any wallet, which then is the one that acts.
  const chosen = item.hold === undefined ? undefined : nth(twin.ledger.holds(), item.hold);
  const original = item.transfer === undefined ? undefined : nth(twin.ledger.transfers(), item.transfer);
  if ((item.hold !== undefined && !chosen) || (item.transfer !== undefined && !original)) return undefined;
  const name = item.stubborn ? item.wallet : ((chosen ?? original)?.wallet ?? item.wallet);
  // What a successor may take back is not in the model: merges_property.test compares it with a wallet that was not merged.
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

/** What has been asked for before, or nearly. */
function repeat({ again: back, change }: Again, twin: Twin, batch: Request[]): Request | undefined {
  const request = nth([...twin.asked, ...batch], back);
  if (!request) return undefined;
  switch (change) {
    case 'none':
      return request;
    case 'amount':
      // These have none.
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

/** All that is free by the model, or one more. */
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
/** Limits of one wallet, or of the asset. */
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
  // Those of a day are used up by all that was booked before.
  .map(([name, names, size]): Command =>
    limits(name, Object.fromEntries(names.map((limit) => [limit, size * (/daily|balance/.test(limit) ? 40n : 2n)]))),
  );
const rules = (set: Partial<Rules>): Command => new Act(`rules(${JSON.stringify(set)})`, (twin) => twin.setRules(set));
const setRules = fc
  .constantFrom<Partial<Rules>>({ collects: true }, { collects: false }, { unique: true }, { unique: false })
  .map(rules);
/** The newest that have metadata come first. */
const redact = fc.nat({ max: 12 }).map(
  (back): Command =>
    new Act(`redact(${back})`, async (twin) => {
      const transfer = nth(twin.ledger.blankable(), back);
      if (transfer !== undefined) await twin.redact(transfer);
    }),
);
const act = (name: string, what: (twin: Twin) => Promise<void>): fc.Arbitrary<Command> =>
  fc.constant(new Act(name, what));

/** What comes together too seldom by chance: a hold of credits that fall due under it, a payment out of credits of every source. */
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

/** Credits of every source are exchanged, and that is taken back, from either side. */
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

/** A top-up is charged back after its credits were spent, and some of the debt is paid, by the next top-up too, or given up. */
const chargedBack = fc
  .tuple(players, small, spent, small, few, few, fc.constantFrom(undefined, false, true))
  .map(([name, bought, gone, later, paid, forgiven, collects]): Command => {
    const post = new Post([
      { kind: 'top_up', wallet: name, amount: bought },
      { kind: 'spend', wallet: name, amount: gone },
      // The newest that can be reversed is the spend, where there was enough for it.
      { kind: 'reversal', wallet: name, amount: null, transfer: 1, owe: true },
      { kind: 'top_up', wallet: name, amount: later },
      { kind: 'collection', wallet: name, amount: paid },
      { kind: 'forgiveness', wallet: name, amount: forgiven, reason: 'a gesture' },
    ]);
    return new Steps(collects === undefined ? [post] : [rules({ collects }), post]);
  });

/** One payment is named for two wallets, and again. */
const paidOnce = fc.tuple(players, players, payment, small).map(([one, two, metadata, amount]): Command => {
  const bought = (name: string): Item => ({ kind: 'top_up', wallet: name, amount, metadata });
  return new Steps([rules({ unique: true }), new Post([bought(one), bought(two), { again: 1, change: 'none' }])]);
});

/** Some limits of a wallet or of all, each of which is tried, and lifted again. */
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

/** A wallet with credits of every source, and perhaps a debt, is merged into another one, and asked for that again. */
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

/** One command, each kind as often as it is worth. */
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
