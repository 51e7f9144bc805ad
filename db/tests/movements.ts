/** What the tests of a wallet's states share: its events, and every way to move its credits. */
import { call, callAll, type Database, newKey, newWallet, postBatch, type Session, UNKNOWN_WALLET } from './helpers.ts';

export interface Wallet {
  id: string;
  owner_id: string;
  status: string;
}

export interface WalletEvent {
  seq: number;
  kind: string;
  reason: string | null;
  actor: string;
}

/** The events of a wallet, oldest first. */
export async function eventsOf(db: Session, wallet: string): Promise<WalletEvent[]> {
  const { rows } = await db.query<WalletEvent>(
    'select seq::int, kind, reason, actor from ledger.wallet_events where wallet_id = $1 order by seq',
    [wallet],
  );
  return rows;
}

/** What every change of a status refuses, in this order, before it looks at the wallet. */
export const STATUS_REFUSALS: {
  code: string;
  what: string;
  detail: Record<string, unknown>;
  arrange: (db: Database) => Promise<{ wallet_id: string | null; reason: string | null }>;
}[] = [
  {
    code: 'WLARG',
    what: 'no wallet, without a reason',
    detail: { argument: 'wallet_id' },
    arrange: () => Promise.resolve({ wallet_id: null, reason: null }),
  },
  ...['', 'x'.repeat(1001), 'ü'.repeat(1001), null].map((reason) => ({
    code: 'WLARG',
    what: `a reason of ${reason?.length ?? 'no'} characters (${reason?.slice(0, 1) ?? 'null'}) for an unknown wallet`,
    detail: { argument: 'reason' },
    arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, reason }),
  })),
  {
    code: 'WLNOW',
    what: 'an unknown wallet',
    detail: { wallet_id: UNKNOWN_WALLET },
    arrange: () => Promise.resolve({ wallet_id: UNKNOWN_WALLET, reason: 'why' }),
  },
];

/** A wallet in which every movement below is possible while it is open, and what they refer to. */
export interface Movable {
  asset: string;
  wallet: string;
  /** Another wallet of the asset, from and to which there have been transfers. */
  friend: string;
  hold: string;
  bought: string;
  spent: string;
  sent: string;
  received: string;
}

export interface Movement {
  what: string;
  /** Whether credits leave the wallet to be used: what a frozen wallet refuses. */
  leaves: boolean;
  book: (session: Session, movable: Movable) => Promise<unknown>;
}

export async function movableWallet(db: Session, asset: string, owner?: string): Promise<Movable> {
  const wallet = await newWallet(db, asset, owner === undefined ? {} : { owner });
  const friend = await newWallet(db, asset, { bought: 100 });
  const of = (name: string, args: object) => call(db, name, { idem_key: newKey(), ...args });
  const bought = await of('wallet_top_up', { wallet_id: wallet, amount: 100 });
  await of('wallet_bonus', { wallet_id: wallet, amount: 50 });
  const spent = await of('wallet_spend', { wallet_id: wallet, amount: 10 });
  const received = await of('wallet_transfer', { from_wallet: friend, to_wallet: wallet, amount: 5 });
  const sent = await of('wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 10 });
  const { hold_id } = await of('wallet_hold', { wallet_id: wallet, amount: 10 });
  return {
    asset,
    wallet,
    friend,
    hold: hold_id ?? '',
    bought: bought.transfer_id,
    spent: spent.transfer_id,
    sent: sent.transfer_id,
    received: received.transfer_id,
  };
}

/** Frees what is held and spends all there is. */
export async function empty(db: Session, { wallet, hold }: Movable): Promise<void> {
  const { balance } = await call(db, 'wallet_release', { wallet_id: wallet, hold_id: hold, idem_key: newKey() });
  await call(db, 'wallet_spend', { wallet_id: wallet, amount: balance, idem_key: newKey() });
}

const batch = (kind: string, from: keyof Movable, to?: keyof Movable) => (session: Session, movable: Movable) =>
  postBatch(session, [
    { kind, wallet_id: movable[from], counterparty_id: to ? movable[to] : null, amount: 1, idem_key: newKey() },
  ]);

const single =
  (name: string, args: (movable: Movable) => Record<string, unknown>) => (session: Session, movable: Movable) =>
    callAll(session, name, { ...args(movable), idem_key: newKey() });

const transfer = (from: 'wallet' | 'friend', to: 'wallet' | 'friend') =>
  single('wallet_transfer', (m) => ({ from_wallet: m[from], to_wallet: m[to], amount: 1 }));

export const MOVEMENTS: Movement[] = [
  { what: 'a top-up', leaves: false, book: single('wallet_top_up', (m) => ({ wallet_id: m.wallet, amount: 1 })) },
  { what: 'a bonus', leaves: false, book: single('wallet_bonus', (m) => ({ wallet_id: m.wallet, amount: 1 })) },
  {
    what: 'a bonus that expires',
    leaves: false,
    book: single('wallet_bonus', (m) => ({ wallet_id: m.wallet, amount: 1, expires_at: '2999-12-31' })),
  },
  { what: 'a spend', leaves: true, book: single('wallet_spend', (m) => ({ wallet_id: m.wallet, amount: 1 })) },
  { what: 'a transfer out', leaves: true, book: transfer('wallet', 'friend') },
  { what: 'a transfer in', leaves: false, book: transfer('friend', 'wallet') },
  { what: 'a hold', leaves: true, book: single('wallet_hold', (m) => ({ wallet_id: m.wallet, amount: 1 })) },
  {
    what: 'a capture',
    leaves: true,
    book: single('wallet_capture', (m) => ({ wallet_id: m.wallet, hold_id: m.hold })),
  },
  {
    what: 'a release',
    leaves: false,
    book: single('wallet_release', (m) => ({ wallet_id: m.wallet, hold_id: m.hold })),
  },
  {
    what: 'a refund of a spend',
    leaves: false,
    book: single('wallet_reverse', (m) => ({ wallet_id: m.wallet, transfer_id: m.spent })),
  },
  {
    what: 'a chargeback of a top-up',
    leaves: false,
    book: single('wallet_reverse', (m) => ({ wallet_id: m.wallet, transfer_id: m.bought, amount: 1 })),
  },
  {
    what: 'the reversal of a transfer that it sent',
    leaves: false,
    book: single('wallet_reverse', (m) => ({ wallet_id: m.wallet, transfer_id: m.sent })),
  },
  {
    what: 'the reversal of a transfer that it received',
    leaves: false,
    book: single('wallet_reverse', (m) => ({ wallet_id: m.friend, transfer_id: m.received })),
  },
  { what: 'a top-up in a batch', leaves: false, book: batch('top_up', 'wallet') },
  { what: 'a bonus in a batch', leaves: false, book: batch('bonus', 'wallet') },
  { what: 'a spend in a batch', leaves: true, book: batch('spend', 'wallet') },
  { what: 'a transfer out in a batch', leaves: true, book: batch('transfer', 'wallet', 'friend') },
  { what: 'a transfer in in a batch', leaves: false, book: batch('transfer', 'friend', 'wallet') },
];
