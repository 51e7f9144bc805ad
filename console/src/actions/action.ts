/** What an action is: what it asks for, what it says it will do, how it is sent, and how one finds out whether it was done. */
import type { Asset, Bounds } from '../data/amounts.ts';
import type { WalletRow } from '../data/queries.ts';

export interface Field {
  name: string;
  label: string;
  /** `owner`: of another wallet of the asset; its value is that wallet's id. */
  type: 'amount' | 'text' | 'moment' | 'choice' | 'owner';
  isOptional?: boolean;
  hint?: string;
  choices?: readonly { value: string; label: string }[];
  /** Of an amount that is not one of the action's asset. */
  assetOf?: (typed: Values) => Asset | undefined;
  /** Where they are not those of a booking. */
  bounds?: Bounds;
}

/** What a person is told when it is done. */
export interface Done {
  text: string;
  link?: { to: 'wallet' | 'transfer'; id: string };
}

/** What was typed, once it can be sent: amounts in minor units, moments as instants; empty where an optional field is. */
export type Values = Record<string, string>;

export interface Action {
  name: string;
  title: string;
  button: string;
  isGrave?: boolean;
  /** Whether it is booked under an idempotency key, which the dialog shows then. */
  isKeyed: boolean;
  asset: Asset | undefined;
  fields: readonly Field[];
  initial?: Values;
  /** One sentence on what will happen. `other` is the wallet that a field of the type `owner` names. */
  sentence: (values: Values, other: WalletRow | undefined) => string;
  send: (values: Values, key: string) => Promise<Done>;
  /** What came of a call that nobody answered; undefined where nothing was done so far. */
  check: (values: Values, key: string) => Promise<Done | undefined>;
}
