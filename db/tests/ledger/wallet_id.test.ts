import { createHash } from 'node:crypto';
import { createDatabase } from '../helpers.ts';

const db = createDatabase();

async function walletId(owner: string | null, asset: string | null): Promise<string | null> {
  const {
    rows: [row],
  } = await db.query<{ id: string | null }>('select ledger.wallet_id(owner_id => $1, asset_code => $2) as id', [
    owner,
    asset,
  ]);
  return row?.id ?? null;
}

/** SHA-256 over PostgreSQL's binary form of an array of bytea: header, then each element preceded by its length. */
function derived(...parts: string[]): string {
  const int = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const header = [1, 0, 17, parts.length, 1].map(int);
  const elements = parts.map((part) => Buffer.from(part)).flatMap((bytes) => [int(bytes.length), bytes]);
  const id = createHash('sha256')
    .update(Buffer.concat([...header, ...elements]))
    .digest()
    .subarray(0, 16);
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x80;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

describe('wallet_id', () => {
  it.each([
    ['alice', 'GOLD'],
    ['ünïcödé-名前', 'GEM'],
    ['', ''],
    ['x'.repeat(200), 'y'.repeat(64)],
  ])('derives a UUID of version 8 from %s and %s', async (owner, asset) => {
    const id = await walletId(owner, asset);

    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(id).toBe(derived('ledger.wallet.v1', owner, asset));
  });

  it('never changes', async () => {
    expect(await walletId('alice', 'GOLD')).toBe('f467c235-2cbe-8e41-add6-23953c0930e8');
  });

  it('does not confuse the end of one argument with the beginning of the other', async () => {
    const ids = await Promise.all([walletId('ab', 'c'), walletId('a', 'bc'), walletId('abc', ''), walletId('', 'abc')]);

    expect(new Set(ids).size).toBe(4);
  });

  it('is null if an argument is null', async () => {
    expect([await walletId(null, 'GOLD'), await walletId('alice', null)]).toEqual([null, null]);
  });
});
