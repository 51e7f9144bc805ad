/** What goes in and what comes out. Amounts are whole minor units as `bigint`, 1n to 10n ** 15n where one is asked for. */
import type { CallOptions } from './call.ts';

/** An instant as text with its zone, to the microsecond: `2030-01-31T12:00:00.123456+00:00`. */
export type Instant = string;

/** What a movement is. */
export type Kind =
  | 'adjustment'
  | 'bonus'
  | 'capture'
  | 'collection'
  | 'debt'
  | 'exchange'
  | 'expiry'
  | 'forgiveness'
  | 'hold'
  | 'merge'
  | 'opening'
  | 'release'
  | 'reversal'
  | 'spend'
  | 'top_up'
  | 'transfer';

/** What a booking did, and the wallet that it acted for as it left it. The same key gives the same receipt. */
export interface Receipt {
  /** The id of the movement: what `reverse` takes. */
  transferId: string;
  walletId: string;
  /** The number of its line in the wallet's history. */
  seq: bigint;
  kind: Kind;
  amount: bigint;
  /** The part of it that was bonus credits. */
  bonusAmount: bigint;
  /** After it, with what is reserved. */
  balance: bigint;
  bonusBalance: bigint;
  heldBalance: bigint;
  /** What could be spent after it. */
  available: bigint;
  /** The hold that it opened, captured or released: what `capture` and `release` take. */
  holdId: string | null;
  /** True where the key had been used before and nothing was booked now. */
  replayed: boolean;
  /** What the wallet owed after it. */
  owed: bigint;
  /** Whether it still had to arrive at another database. */
  inFlight: boolean;
  createdAt: Instant;
}

/** What a wallet has. */
export interface Balance {
  /** All credits, with what is reserved. */
  balance: bigint;
  /** The part that is bonus credits. */
  bonusBalance: bigint;
  /** The part that open holds reserve. */
  heldBalance: bigint;
  /** What can be spent. */
  available: bigint;
  /** The number of the newest line of the history; 0n before the first. */
  seq: bigint;
}

/** A wallet as it was opened. */
export interface OpenedWallet {
  id: string;
  ownerId: string;
  assetCode: string;
  status: 'open' | 'frozen' | 'closed';
  createdAt: Instant;
}

/** A line of a wallet's history, with the balances after it. */
export interface Entry {
  seq: bigint;
  kind: Kind;
  /** A credit raises the balance, a debit lowers it. */
  side: 'credit' | 'debit';
  amount: bigint;
  bonusAmount: bigint;
  /** The change of what is reserved; below 0n where a reservation ended. */
  heldAmount: bigint;
  balance: bigint;
  bonusBalance: bigint;
  heldBalance: bigint;
  /** The house's account, or the other wallet; null where nothing moved, and for who received a transfer. */
  counterparty: string | null;
  createdAt: Instant;
  transferId: string;
  /** What the call said; null for who received a transfer. */
  transfer: { idemKey: string | null; actor: string; metadata: Record<string, unknown> } | null;
  /** Its place in the list: goes on after it as `after`. */
  cursor: string;
}

/** What each call that books takes besides its arguments. */
export interface PostOptions extends CallOptions {
  /** Facts to keep with the movement: an object of at most 8192 bytes of JSON. Send large numbers as text. */
  metadata?: Record<string, unknown> | undefined;
}

/** Of a bonus or a hold. */
export interface ExpiringOptions extends PostOptions {
  /** From when the credits cannot be spent any more, or are no longer reserved: after now; never if left out. */
  expiresAt?: Instant | Date | undefined;
}

/** Of a capture. */
export interface CaptureOptions extends PostOptions {
  /** What is spent of the hold, the rest is free again; all of it if left out. */
  amount?: bigint | undefined;
}

/** Of a reversal. */
export interface ReverseOptions extends PostOptions {
  /** What is taken back; all that is left if left out. */
  amount?: bigint | undefined;
  /** Of a top-up, whether what is gone becomes a debt of the wallet instead of a refusal. */
  owe?: boolean | undefined;
}

/** Which part of a history is read, and in which order. */
export interface HistoryOptions extends CallOptions {
  /** Only what was booked at this instant or later. */
  from?: Instant | Date | undefined;
  /** Only what was booked before this instant. */
  to?: Instant | Date | undefined;
  /** Only movements of these kinds. */
  kinds?: readonly Kind[] | undefined;
  /** Oldest first; newest first if left out. */
  oldestFirst?: boolean | undefined;
  /** The `cursor` of the last line that was read before. */
  after?: string | undefined;
  /** How many lines a request reads: 1 to 1000, 100 if left out. */
  pageSize?: number | undefined;
}

/** One owner's credits of one asset. Making it asks nobody; `open` opens it at the service. */
export interface Wallet {
  readonly owner: string;
  readonly asset: string;
  /** Its id, which is derived from owner and asset. */
  id(): Promise<string>;
  /**
   * Opens the wallet, or returns it as it is where it has been opened before.
   * @throws Refused with INVALID_ARGUMENT, ASSET_NOT_FOUND or WALLET_CLOSED.
   */
  open(options?: CallOptions): Promise<OpenedWallet>;
  /**
   * Books credits that were bought: call it when the payment is certain.
   * @param key the idempotency key: 1 to 200 characters, unique within the wallet for ever. Keep it before you call.
   * @throws Refused with INVALID_AMOUNT, INVALID_ARGUMENT, WALLET_NOT_FOUND, IDEMPOTENCY_KEY_REUSED, WALLET_CLOSED or
   * LIMIT_EXCEEDED; OutcomeUnknown, as all calls do.
   */
  topUp(amount: bigint, key: string, options?: PostOptions): Promise<Receipt>;
  /**
   * Grants credits for nothing, until `expiresAt` or for ever. They are spent first.
   * @throws Refused as `topUp`.
   */
  bonus(amount: bigint, key: string, options?: ExpiringOptions): Promise<Receipt>;
  /**
   * Books a purchase: bonus credits first, of these the earliest expiry first.
   * @throws Refused as `topUp`, and with WALLET_FROZEN or INSUFFICIENT_FUNDS.
   */
  spend(amount: bigint, key: string, options?: PostOptions): Promise<Receipt>;
  /**
   * Moves credits to another wallet of the same asset; the receipt is this wallet's.
   * @param to the other wallet, or its id.
   * @throws Refused as `spend`, and with SAME_WALLET or ASSET_MISMATCH.
   */
  transfer(to: Wallet | string, amount: bigint, key: string, options?: PostOptions): Promise<Receipt>;
  /**
   * Reserves credits: what is available falls, the balance does not. The receipt names the `holdId`.
   * @throws Refused as `spend`.
   */
  hold(amount: bigint, key: string, options?: ExpiringOptions): Promise<Receipt>;
  /**
   * Spends what a hold reserves, or a part of it; the rest is free again.
   * @throws Refused as `spend`, and with HOLD_NOT_FOUND or HOLD_NOT_OPEN.
   */
  capture(holdId: string, key: string, options?: CaptureOptions): Promise<Receipt>;
  /**
   * Ends a hold without a purchase.
   * @throws Refused with INVALID_ARGUMENT, WALLET_NOT_FOUND, HOLD_NOT_FOUND, IDEMPOTENCY_KEY_REUSED, WALLET_CLOSED or
   * HOLD_NOT_OPEN.
   */
  release(holdId: string, key: string, options?: PostOptions): Promise<Receipt>;
  /**
   * Takes a movement of this wallet back, whole or in part; for operators.
   * @throws Refused with INVALID_AMOUNT, INVALID_ARGUMENT, WALLET_NOT_FOUND, TRANSFER_NOT_FOUND,
   * IDEMPOTENCY_KEY_REUSED, WALLET_CLOSED, NOT_REVERSIBLE, LIMIT_EXCEEDED, INSUFFICIENT_FUNDS or FORBIDDEN.
   */
  reverse(transferId: string, key: string, options?: ReverseOptions): Promise<Receipt>;
  /**
   * What the wallet has now.
   * @throws Refused with WALLET_NOT_FOUND.
   */
  balance(options?: CallOptions): Promise<Balance & { asOf: Instant }>;
  /**
   * The lines of its history, read a page at a time as they are asked for; the deadline is that of each page.
   * @throws Refused with WALLET_NOT_FOUND or INVALID_ARGUMENT.
   */
  history(options?: HistoryOptions): AsyncGenerator<Entry, void, undefined>;
  /**
   * What the wallet has now, and then again each time something was booked: several movements may come as one, and where
   * `seq` has gone up by more than one, `history` has the rest. Comes back by itself after an interruption. Needs the
   * package `graphql-ws`.
   * @throws Refused with WALLET_NOT_FOUND or UNAUTHENTICATED; OutcomeUnknown where the service cannot be reached for long.
   */
  changes(options?: { signal?: AbortSignal | undefined }): AsyncGenerator<Balance, void, undefined>;
}

/** The wallet of a request among many: itself, or its id. */
interface Of {
  wallet: Wallet | string;
  key: string;
  metadata?: Record<string, unknown> | undefined;
}
interface Expiring {
  expiresAt?: Instant | Date | undefined;
}

/** One of many calls in one: what its single call would be given. */
export type PostRequest = Of &
  (
    | { kind: 'top_up' | 'spend'; amount: bigint }
    | ({ kind: 'bonus' | 'hold'; amount: bigint } & Expiring)
    | { kind: 'transfer'; to: Wallet | string; amount: bigint }
    | { kind: 'capture'; holdId: string; amount?: bigint | undefined }
    | { kind: 'release'; holdId: string }
    | { kind: 'reversal'; transferId: string; amount?: bigint | undefined; owe?: boolean | undefined }
    | ({ kind: 'opening'; amount: bigint; bonusAmount?: bigint | undefined } & Expiring)
    | { kind: 'adjustment'; side: 'credit' | 'debit'; amount: bigint; reason: string }
    | { kind: 'exchange'; to: Wallet | string; amount: bigint; toAmount: bigint }
  );
