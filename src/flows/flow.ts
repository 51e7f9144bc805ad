/** A flow is a function of the ledger that books one movement. It is called alone, or as one request of a group. */
import type { Role } from '../roles.ts';

export type Receipt = Readonly<Record<string, unknown>>;

export interface Argument {
  field: string;
  /** The attribute of a group's request that has this argument's value. */
  attribute: string;
  encode: (value: unknown) => string | null;
}

/** A column of the receipt; `decode` reads PostgreSQL's text. */
export interface Column {
  attribute: string;
  decode: (text: string) => unknown;
}

export interface Flow {
  name: string;
  /** The `kind` of a request in a group. */
  kind: string;
  /** Roles whose calls may be grouped. */
  groupedFor: readonly Role[];
  /** The statement of a single call: takes a value for each argument, returns the columns of a receipt. */
  text: string;
  args: readonly Argument[];
  columns: readonly Column[];
  group: GroupStatement;
}

/** One statement for groups of any size: takes an array for each attribute of a request. */
export interface GroupStatement {
  /** Returns a row per request, in order: the columns of a receipt, then code, message, detail and hint of a refusal. */
  text: string;
  attributes: readonly string[];
}

interface FlowSpec {
  kind: string;
  groupedFor: readonly Role[];
  /** From an argument's name to the request's attribute, where they differ. */
  renamed?: Readonly<Record<string, string>>;
}

const CALLERS: readonly Role[] = ['service', 'operator'];
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

/** The ledger refused an item of a group, with what the error of a single call would say. */
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

/** Reads the receipt, which is in the first columns of a row. */
export function receiptOf(columns: readonly Column[], row: readonly (string | null)[]): Receipt {
  const receipt: Record<string, unknown> = {};
  columns.forEach(({ attribute, decode }, index) => {
    const text = row[index] ?? null;
    receipt[attribute] = text === null ? null : decode(text);
  });
  return receipt;
}
