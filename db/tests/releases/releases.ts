/** The releases of which a filled ledger is kept, and what is known of each. */
import { readFileSync } from 'node:fs';
import type { Receipt, WalletRequest } from '../helpers.ts';
import { fromText, type Rows } from './copy.ts';

export interface Release {
  version: string;
  /** The committed migrations that a database of it has had. */
  migrations: string[];
  /**
   * The hash of the last of these, which covers all: what is released is not written anew. Undefined while the release is prepared: until then its
   * migration is written anew in place, and the rows are made anew where they no longer fit it.
   */
  hash?: string;
}

export const RELEASES: Release[] = [
  { version: '0.1.0', migrations: ['000001-wallet.sql'], hash: 'sha1:5dd9c6d5d839dde9f7e75f0174e72e14f597b80a' },
];

/** A call of then, and its receipt; a request of wallet_post_each says the same of every kind. */
export interface Booked {
  request: WalletRequest;
  receipt: Receipt;
}

/** What the ledger said of itself. */
export interface Said {
  balances: { wallet_id: string; seq: string; balance: string; bonus_balance: string; held_balance: string }[];
  trial_balance: { asset_code: string; account: string; debit: string; credit: string }[];
  /** All seals, as they would be kept elsewhere. */
  seals: unknown[];
}

const FOLDER = new URL('./', import.meta.url);
export const fileOf = (version: string, name: string): URL => new URL(`${version}/${name}`, FOLDER);
const read = (version: string, name: string): string => readFileSync(fileOf(version, name), 'utf8');

export const rowsOf = ({ version }: Release): Rows[] => fromText(read(version, 'rows.copy'));
export const bookedOf = ({ version }: Release): Booked[] =>
  read(version, 'booked.ndjson')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Booked);
export const saidOf = ({ version }: Release): Said => JSON.parse(read(version, 'said.ndjson')) as Said;
