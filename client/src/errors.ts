/** The two errors of a call: the service said no, or nobody knows what became of it. */

/** Only `index`, of an item of `postBatch`. */
interface NoFacts {
  index?: number;
}

/** An id of a wallet, a transfer or a hold. */
type Id = string;

/**
 * The facts of each refusal, by its code, as the service documents them. Amounts are minor units. Of an item of
 * `postBatch`, the facts also have `index`: its place in the list, counted from 0.
 */
export interface RefusalDetails {
  /** An amount is missing, below 1 or above 10^15. */
  INVALID_AMOUNT: { amount?: bigint | null; to_amount?: bigint | null; min: bigint; max: bigint };
  /** Another argument is out of its bounds: `argument` names it. */
  INVALID_ARGUMENT: { argument?: string; [fact: string]: unknown };
  /** A transfer names one wallet twice. */
  SAME_WALLET: { wallet_id: Id };
  /** The wallet has not been opened, or the token may not see it. */
  WALLET_NOT_FOUND: { wallet_id: Id | null };
  /** There is no such asset. */
  ASSET_NOT_FOUND: { asset_code: string };
  /** The wallet has no such hold. */
  HOLD_NOT_FOUND: { wallet_id: Id; hold_id: Id };
  /** With several databases: another one has the wallet, and the call goes to one. */
  WRONG_NODE: { wallet_id: Id; node: string };
  /** The wallet has acted in no such transfer. */
  TRANSFER_NOT_FOUND: { wallet_id: Id; transfer_id: Id };
  /** The two wallets have different assets. */
  ASSET_MISMATCH: { from_asset: string; to_asset: string };
  /**
   * The key was used for another request: `field` differs. Where an asset books each payment once, the payment was:
   * `reference` names it.
   */
  IDEMPOTENCY_KEY_REUSED: {
    field: string;
    wallet_id: Id;
    transfer_id: Id;
    idem_key?: string;
    first?: string | null;
    again?: string | null;
    reference?: string;
  };
  /** No credits leave a frozen wallet. */
  WALLET_FROZEN: { wallet_id: Id };
  /** Nothing books in a closed wallet; where it was merged, `merged_into` names its successor. */
  WALLET_CLOSED: { wallet_id: Id; merged_into?: Id; [fact: string]: unknown };
  /** The hold was captured or released, or has expired: `status` says which. */
  HOLD_NOT_OPEN: { wallet_id: Id; hold_id: Id; status: string; transfer_id: Id | null };
  /** More of a movement is to be taken back than is left, or its kind is never taken back. */
  NOT_REVERSIBLE: { wallet_id: Id; transfer_id: Id; kind: string; left: bigint; requested: bigint | null };
  /** The amount goes above a limit, of which `left` may still be asked for. */
  LIMIT_EXCEEDED: { wallet_id: Id; limit: string; max: bigint; left: bigint };
  /** More is asked for than can be spent. Of a reversal, `missing` is what is no longer there. */
  INSUFFICIENT_FUNDS: { wallet_id: Id; available: bigint; requested: bigint; missing?: bigint; hold_id?: Id };
  /** There is no such endpoint of webhooks, or no such delivery parked there; calls of this client never answer it. */
  WEBHOOK_NOT_FOUND: { endpoint: string; id: Id | null };
  /** There is an endpoint of webhooks of that name; calls of this client never answer it. */
  WEBHOOK_EXISTS: { endpoint: string };
  /** No token, a bad one, or one that has expired. */
  UNAUTHENTICATED: { reason?: string };
  /** The token's role may not do this. */
  FORBIDDEN: NoFacts;
  /** The service cannot read the request, or it is too large. */
  BAD_REQUEST: NoFacts;
  /** There is nothing at this address: look at `url`. */
  NOT_FOUND: NoFacts;
  /** The service takes known documents only, and does not know those of this client. */
  PERSISTED_DOCUMENT_REQUIRED: NoFacts;
  /** The service does not know the document. */
  PERSISTED_DOCUMENT_NOT_FOUND: NoFacts;
  /** The connection has as many subscriptions as it may have. */
  TOO_MANY_SUBSCRIPTIONS: NoFacts;
}

/** Why the service refuses a call. */
export type RefusalCode = keyof RefusalDetails;

/** What every refusal has. */
export interface RefusedBase extends Error {
  /** What to do about it, in a sentence; empty where the service gives none. */
  readonly hint: string;
  /**
   * Whether an earlier try of this call got no final answer. It may still arrive, and be booked once the reason of this
   * refusal is gone; the same call with the same key tells. False: nothing was booked, and nothing will be.
   */
  readonly inDoubt: boolean;
}

/**
 * The service said no, and nothing has changed. `code` says why and `detail` has the facts:
 * `if (error instanceof Refused && error.code === 'INSUFFICIENT_FUNDS') console.log(error.detail.available)`.
 */
export type Refused = {
  [Code in RefusalCode]: RefusedBase & {
    readonly code: Code;
    readonly detail: RefusalDetails[Code] & { index?: number };
  };
}[RefusalCode];

/** An error as the service answers it. */
export interface Answered {
  message: string;
  extensions: { code: string; detail?: unknown; hint?: string };
}

/** A class whose instances are a union, so that the code tells the facts. */
export const Refused = class extends Error {
  declare readonly code: string;
  declare readonly detail: unknown;
  declare readonly hint: string;
  declare readonly inDoubt: boolean;

  constructor({ message, extensions: { code, detail, hint = '' } }: Answered, inDoubt = false) {
    super(message);
    this.name = 'Refused';
    this.code = code;
    this.detail = withAmounts<object>(detail ?? {});
    this.hint = hint;
    this.inDoubt = inDoubt;
  }
} as new (error: Answered, inDoubt?: boolean) => Refused;

/**
 * Nobody knows what became of a call: no answer came within its deadline, or it was given up by its signal. It may have
 * been booked. The same call with the same key tells: it books, or returns the receipt of what was booked.
 */
export class OutcomeUnknown extends Error {
  /** The idempotency keys of the call, to ask again with; none for a call that books nothing. */
  declare readonly keys: readonly string[];
  /** False where it is certain that nothing got to the service: no connection was made, or it took no more requests. */
  declare readonly sent: boolean;

  constructor(keys: readonly string[], sent: boolean, cause: unknown) {
    super(`outcome unknown: ${(cause as Error | undefined)?.message ?? String(cause)}`, { cause });
    this.name = 'OutcomeUnknown';
    this.keys = keys;
    this.sent = sent;
  }

  /** The idempotency key to ask again with: the first one, of a call that has several. */
  get key(): string | undefined {
    return this.keys[0];
  }
}

const AMOUNT = /^(seq|owed|left|max|min|missing|available|requested|.*[aA]mount|.*[bB]alance)$/;

/** As the service answers it: what is a bigint here is text there. */
export type AsText<T> = {
  [Name in keyof T]: Extract<T[Name], bigint> extends never ? T[Name] : string | Exclude<T[Name], bigint>;
};

/** The same object with its amounts, and numbers of entries, as bigint. */
export function withAmounts<T extends object>(object: AsText<T>): T {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [
      name,
      AMOUNT.test(name) && typeof value === 'string' ? BigInt(value) : value,
    ]),
  ) as T;
}
