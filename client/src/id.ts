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
  const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(bytes));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  // A UUID of version 8 (RFC 9562).
  return hex.replace(/^(.{8})(.{4}).(.{3})(.)(.{3})(.{12}).*/, (_, a, b, c, variant, d, e) =>
    [a, b, `8${c}`, '89ab'.charAt(parseInt(String(variant), 16) & 3) + String(d), e].join('-'),
  );
}

/** Texts are shorter than 65,536 bytes: names have 200 characters at most. */
function int32(value: number): number[] {
  return [0, 0, value >> 8, value & 255];
}
