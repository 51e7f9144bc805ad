/** Concurrent calls on one wallet, and their preparation. */
import { call, callAll, inMs, passed, postBatch, type Session } from '../helpers.ts';
import { type Level, LEVELS } from './schedules.ts';

/** From names to ids: the wallets a, b and c in ascending order of their ids, and other rows. */
export type Names = Record<string, string>;

export interface Caller {
  as?: 'job' | 'operator';
  call: (session: Session, names: Names) => Promise<unknown>;
}

export interface Meeting {
  what: string;
  /** The open wallets and their paid credits. */
  has: Partial<Record<'a' | 'b' | 'c', number>>;
  /** Further preparation, which returns more names. */
  prepare?: (session: Session, names: Names) => Promise<Names>;
  callers: Caller[];
  /** All callers send the same request with different keys. */
  alike?: boolean;
}

const job = (name: string, args: (names: Names) => Record<string, unknown>): Caller => ({
  call: (session, names) => call<object>(session, name, args(names)),
});
const operator = (name: string, args: (names: Names) => Record<string, unknown>): Caller => ({
  ...job(name, args),
  as: 'operator',
});

const spend = (amount: number, idem_key: string, wallet = 'a') =>
  job('wallet_spend', (names) => ({ wallet_id: names[wallet], amount, idem_key }));
const topUp = (amount: number, idem_key: string) =>
  job('wallet_top_up', ({ a }) => ({ wallet_id: a, amount, idem_key }));
const transfer = (from: string, to: string, amount: number, idem_key = `${from} to ${to}`) =>
  job('wallet_transfer', (names) => ({ from_wallet: names[from], to_wallet: names[to], amount, idem_key }));
const hold = (amount: number, idem_key: string) => job('wallet_hold', ({ a }) => ({ wallet_id: a, amount, idem_key }));
const capture = (amount: number | undefined, idem_key = 'capture') =>
  job('wallet_capture', ({ a, hold_id }) => ({ wallet_id: a, hold_id, idem_key, amount }));
const release = job('wallet_release', ({ a, hold_id }) => ({ wallet_id: a, hold_id, idem_key: 'release' }));
const reverse = (amount: number, idem_key: string) =>
  operator('wallet_reverse', ({ a, transfer_id }) => ({ wallet_id: a, transfer_id, idem_key, amount }));
const status = (name: string) => operator(name, ({ a }) => ({ wallet_id: a, reason: 'for a test' }));
/** The number of settled wallets depends on concurrent calls; the bookings do not. */
const sweep: Caller = {
  call: async (session) => {
    await callAll(session, 'wallet_expire_due', {});
  },
};
const batch = (...items: [kind: string, wallet: string, to: string | null, amount: number][]): Caller => ({
  call: (session, names) =>
    postBatch(
      session,
      items.map(([kind, wallet, to, amount], place) => ({
        kind,
        wallet_id: names[wallet],
        counterparty_id: to === null ? null : names[to],
        amount,
        idem_key: `item ${place} of ${kind}`,
      })),
    ),
});

const held = (amount: number) => async (session: Session, names: Names) => {
  const { hold_id } = await call(session, 'wallet_hold', { wallet_id: names.a, amount, idem_key: 'held' });
  return { hold_id: hold_id ?? '' };
};
const did = (name: string, amount: number) => async (session: Session, names: Names) => {
  const { transfer_id } = await call(session, name, { wallet_id: names.a, amount, idem_key: 'did' });
  return { transfer_id };
};

/** Prepares ten credits that have expired, some of them held; tries again if they expired too soon. */
const due = (amount: number) => async (session: Session, names: Names) => {
  for (let ms = 10; ; ms *= 2) {
    const expires_at = await inMs(session, ms);
    await session.query('begin');
    try {
      await call(session, 'wallet_bonus', { wallet_id: names.a, amount: 10, idem_key: 'due', expires_at });
      const more = amount > 0 ? await held(amount)(session, names) : {};
      const { rows: early } = await session.query('select where clock_timestamp() < $1', [expires_at]);
      if (early.length === 0) throw new Error('too slow');
      await session.query('commit');
      await passed(session, expires_at);
      return more;
    } catch (error) {
      await session.query('rollback');
      if (ms > 5000) throw error;
    }
  }
};

export const MEETINGS: Meeting[] = [
  {
    what: 'two spends of the last credit',
    has: { a: 1 },
    callers: [spend(1, 'one'), spend(1, 'two')],
  },
  { what: 'one key twice', has: { a: 10 }, callers: [spend(4, 'key'), spend(4, 'key')] },
  {
    what: 'one key for two requests',
    has: { a: 10 },
    callers: [spend(4, 'key'), spend(5, 'key')],
  },
  {
    what: 'a transfer from A to B and one from B to A',
    has: { a: 5, b: 5 },
    callers: [transfer('a', 'b', 4), transfer('b', 'a', 7)],
  },
  {
    what: 'a spend and a freeze',
    has: { a: 5 },
    callers: [spend(4, 'one'), status('wallet_freeze')],
  },
  {
    what: 'a spend and a capture that frees what it needs',
    has: { a: 10 },
    prepare: held(6),
    callers: [spend(7, 'one'), capture(2)],
  },
  {
    what: 'a spend and a hold of the last credits',
    has: { a: 5 },
    callers: [spend(4, 'one'), hold(3, 'two')],
  },
  {
    what: 'a capture and a release of one hold',
    has: { a: 10 },
    prepare: held(6),
    callers: [capture(undefined), release],
  },
  {
    what: 'two captures of one hold',
    has: { a: 10 },
    prepare: held(6),
    callers: [capture(2, 'one'), capture(3, 'two')],
  },
  {
    what: 'two reversals of one movement',
    has: { a: 10 },
    prepare: did('wallet_spend', 10),
    callers: [reverse(6, 'one'), reverse(5, 'two')],
  },
  {
    what: 'a reversal and a spend of what it takes back',
    has: { a: 0 },
    prepare: did('wallet_top_up', 10),
    callers: [reverse(6, 'one'), spend(7, 'two')],
  },
  {
    what: 'a sweep and a spend of a wallet with something due',
    has: { a: 5 },
    prepare: due(0),
    callers: [sweep, spend(3, 'one')],
  },
  { what: 'a sweep and a release of what has expired', has: { a: 5 }, prepare: due(8), callers: [sweep, release] },
  { what: 'two sweeps', has: { a: 5 }, prepare: due(4), callers: [sweep, sweep] },
  { what: 'a close and a top-up', has: { a: 0 }, callers: [status('wallet_close'), topUp(5, 'one')] },
  {
    what: 'a batch and a single call on its wallets',
    has: { a: 5, b: 5 },
    callers: [
      batch(['transfer', 'a', 'b', 4], ['bonus', 'a', null, 3], ['spend', 'b', null, 8]),
      transfer('b', 'a', 2),
    ],
  },
  {
    what: 'two batches that name their wallets in another order',
    has: { a: 5, b: 5 },
    callers: [
      batch(['top_up', 'a', null, 1], ['spend', 'b', null, 4]),
      batch(['transfer', 'b', 'a', 3], ['bonus', 'a', null, 2]),
    ],
  },
  {
    what: 'two openings of one wallet',
    has: {},
    callers: [1, 2].map(() => operator('wallet_open', ({ owner_id, asset_code }) => ({ owner_id, asset_code }))),
  },
];

const ring = (...order: string[]): Caller[] =>
  order.map((from, place) => transfer(from, order[(place + 1) % order.length] ?? '', 4 + place));

/** Three sessions have many more orders, so each meeting runs only at the levels where it adds something. */
export const MEETINGS_OF_THREE: (Meeting & { levels: readonly Level[] })[] = [
  {
    what: 'three top-ups',
    has: { a: 0 },
    callers: [topUp(1, 'one'), topUp(1, 'two'), topUp(1, 'three')],
    alike: true,
    levels: LEVELS,
  },
  {
    what: 'transfers from A to B, B to C and C to A',
    has: { a: 5, b: 2, c: 5 },
    callers: ring('a', 'b', 'c'),
    levels: ['read committed', 'repeatable read'],
  },
  {
    what: 'transfers from A to C, C to B and B to A',
    has: { a: 5, b: 2, c: 5 },
    callers: ring('a', 'c', 'b'),
    levels: ['read committed', 'serializable'],
  },
  // While A is locked, transactions that lock A first or second wait: the result shows the order of their locks.
  {
    what: 'a top-up of A, a transfer from A to B and one from B to A',
    has: { a: 5, b: 5 },
    callers: [topUp(1, 'one'), transfer('a', 'b', 4), transfer('b', 'a', 3)],
    levels: ['read committed'],
  },
  {
    what: 'a top-up of A, a batch and a transfer from B to A',
    has: { a: 5, b: 5 },
    callers: [topUp(1, 'one'), batch(['transfer', 'a', 'b', 4], ['top_up', 'b', null, 2]), transfer('b', 'a', 3)],
    levels: ['read committed'],
  },
  {
    what: 'a top-up of A, a reversal of a transfer from A to B and one from B to A',
    has: { a: 5, b: 5 },
    prepare: async (session, { a, b }) => {
      const request = { from_wallet: a, to_wallet: b, amount: 4, idem_key: 'did' };
      const { transfer_id } = await call(session, 'wallet_transfer', request);
      return { transfer_id };
    },
    callers: [topUp(1, 'one'), reverse(3, 'two'), transfer('b', 'a', 7)],
    levels: ['read committed'],
  },
];
