/** What an action is: what it asks for, what it says it will do, how it is sent, and how one finds out whether it was done. */
import type { Asset } from '../data/amounts.ts';

export interface Field {
  name: string;
  label: string;
  type: 'amount' | 'text' | 'moment' | 'choice';
  isOptional?: boolean;
  hint?: string;
  choices?: readonly { value: string; label: string }[];
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
  asset: Asset | undefined;
  fields: readonly Field[];
  initial?: Values;
  /** One sentence on what will happen. */
  sentence: (values: Values) => string;
  send: (values: Values, key: string) => Promise<Done>;
  /** What came of a call that nobody answered; undefined where nothing was done so far. */
  check: (values: Values, key: string) => Promise<Done | undefined>;
}
