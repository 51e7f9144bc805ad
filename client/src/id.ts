/** The id of a wallet is derived from its owner and its asset, so nobody has to look it up. */

/** The head of PostgreSQL's binary form of an array of three texts as bytes: one dimension, no nulls, bytea, three, from 1. */
const HEAD = [1, 0, 17, 3, 1];

/**
 * The id of an owner's wallet of an asset, whether it has been opened or not: the same as `ledger.wallet_id` in SQL. In
 * browsers it needs a page from https or localhost.
 */
export async function walletId(owner: string, asset: string): Promise<string> {
  const bytes = HEAD.flatMap(int32);
  for (const text of ['ledger.wallet.v1', owner, asset]) {
    const part = new TextEncoder().encode(text);
    bytes.push(...int32(part.length), ...part);
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
  const hex = Array.from(digest.subarray(0, 16), (byte, place) => {
    // A UUID of version 8 (RFC 9562).
    const marked = place === 6 ? (byte & 15) | 128 : place === 8 ? (byte & 63) | 128 : byte;
    return marked.toString(16).padStart(2, '0');
  }).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function int32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
