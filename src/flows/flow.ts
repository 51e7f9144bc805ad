/** A flow: a function of the ledger that books one movement. It is called alone, or as one request of a group. */
import type { Role } from '../roles.ts';

/** What was booked, by the names of the ledger. */
export type Receipt = Readonly<Record<string, unknown>>;

export interface Argument {
  /** Its name in GraphQL. */
  field: string;
  /** The attribute of a request that it is. */
  attribute: string;
  encode: (value: unknown) => string | null;
}

/** How to read a column of the receipt, as PostgreSQL writes it. */
export interface Column {
  attribute: string;
  decode: (text: string) => unknown;
}

export interface Flow {
  name: string;
  /** Of a request in a group. */
  kind: string;
  /** Whose calls may go together with others. */
  groupedFor: readonly Role[];
  /** The statement of a call alone: a value for each argument, the columns of a receipt for an answer. */
  text: string;
  args: readonly Argument[];
  columns: readonly Column[];
  group: GroupStatement;
}

/** The one statement for groups of all sizes: an array for each attribute of a request. */
export interface GroupStatement {
  /** Answers a row for each request, in their order: the columns of a receipt, then code, message, detail and hint of a refusal. */
  text: string;
  attributes: readonly string[];
}

interface FlowSpec {
  kind: string;
  groupedFor: readonly Role[];
  /** Arguments that have another name in a request. */
  renamed?: Readonly<Record<string, string>>;
}

const CALLERS: readonly Role[] = ['service', 'operator'];
/** The attributes that say which wallets a request is about. */
export const WALLETS: readonly string[] = ['wallet_id', 'counterparty_id'];

/** By the function's name. */
export const FLOWS: Readonly<Record<string, FlowSpec>> = {
  wallet_top_up: { kind: 'top_up', groupedFor: CALLERS },
  wallet_bonus: { kind: 'bonus', groupedFor: CALLERS },
  wallet_spend: { kind: 'spend', groupedFor: CALLERS },
  wallet_transfer: {
    kind: 'transfer',
    groupedFor: CALLERS,
    renamed: { from_wallet: 'wallet_id', to_wallet: 'counterparty_id' },
  },
  wallet_hold: { kind: 'hold', groupedFor: CALLERS },
  wallet_capture: { kind: 'capture', groupedFor: CALLERS },
  wallet_release: { kind: 'release', groupedFor: CALLERS },
  wallet_reverse: { kind: 'reversal', groupedFor: ['operator'] },
  wallet_exchange: {
    kind: 'exchange',
    groupedFor: CALLERS,
    renamed: { from_wallet: 'wallet_id', to_wallet: 'counterparty_id' },
  },
  wallet_merge: {
    kind: 'merge',
    groupedFor: ['operator'],
    renamed: { from_wallet: 'wallet_id', to_wallet: 'counterparty_id' },
  },
  wallet_adjust: { kind: 'adjustment', groupedFor: ['operator'] },
  wallet_collect: { kind: 'collection', groupedFor: ['operator'] },
  wallet_forgive: { kind: 'forgiveness', groupedFor: ['operator'] },
  wallet_opening: { kind: 'opening', groupedFor: ['operator'] },
};

/** An item of a group was refused: what the error of its single call says. */
export class Refused extends Error {
  override name = 'Refused';
  readonly code: string;
  readonly detail: string;
  readonly hint: string;

  constructor({ code, message, detail, hint }: { code: string; message: string; detail: string; hint: string }) {
    super(message);
    this.code = code;
    this.detail = detail;
    this.hint = hint;
  }
}

/** Of the first columns of a row. */
export function receiptOf(columns: readonly Column[], row: readonly (string | null)[]): Receipt {
  const receipt: Record<string, unknown> = {};
  columns.forEach(({ attribute, decode }, index) => {
    const text = row[index] ?? null;
    receipt[attribute] = text === null ? null : decode(text);
  });
  return receipt;
}
