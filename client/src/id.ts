/** What is derived by SHA-256: the id of a wallet, so that nobody has to look it up, and the hash of a document. */

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
  const hex = await sha256(new Uint8Array(bytes));
  // A UUID of version 8 (RFC 9562).
  const variant = '89ab'.charAt(parseInt(hex.charAt(16), 16) & 3);
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, `$1-$2-8$3-${variant}$4-$5`);
}

/** In hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Texts are shorter than 65,536 bytes: names have 200 characters at most. */
function int32(value: number): number[] {
  return [0, 0, value >> 8, value & 255];
}
