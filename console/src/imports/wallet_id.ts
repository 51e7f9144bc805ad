/** The id of an owner's wallet, as the ledger derives it (`walletId`): so a file of thousands of owners needs no look-up. */

import { hexOf } from '../data/hex.ts';

const DOMAIN = 'ledger.wallet.v1';
const OID_BYTEA = 17;

export async function walletIdOf(ownerId: string, assetCode: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', arrayOf([DOMAIN, ownerId, assetCode])));
  const id = digest.slice(0, 16);
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x80;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  const hex = hexOf(id);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** PostgreSQL's binary form of an array of bytea: one dimension, no nulls, from 1 on; each element with its length before it. */
function arrayOf(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const elements = texts.map((text) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(20 + elements.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(bytes.buffer);
  [1, 0, OID_BYTEA, elements.length, 1].forEach((word, place) => view.setInt32(place * 4, word));
  let place = 20;
  for (const element of elements) {
    view.setInt32(place, element.length);
    bytes.set(element, place + 4);
    place += 4 + element.length;
  }
  return bytes;
}
