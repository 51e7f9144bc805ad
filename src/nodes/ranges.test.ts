import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readNodesFile, walletIdOf } from './file.ts';
import { Ranges } from './ranges.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodes-'));
const path = join(folder, 'nodes.json');
const database = 'postgres://u:p@db/wallet';
const WALLET = walletIdOf('player-1', 'GOLD');

function write(of: { a: string; b: string }): void {
  const nodes = { a: { ranges: of.a, database }, b: { ranges: of.b, database } };
  writeFileSync(path, JSON.stringify({ nodes }));
}

let ranges: Ranges;
beforeEach(() => {
  write({ a: '0-63', b: '' });
  ranges = new Ranges(path, readNodesFile(path));
});
afterEach(() => {
  ranges.close();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const told = (node: string, wallet = WALLET): string => JSON.stringify({ wallet_id: wallet, node });

/** As the ledger says that another node has a wallet; `work` finds it on `there`. */
function askedIn(there: string, detail: unknown): { asked: string[]; work: (node: string) => string } {
  const asked: string[] = [];
  const work = (node: string): string => {
    asked.push(node);
    if (node === there) return `found on ${node}`;
    throw Object.assign(new Error('wrong node'), { code: 'WLNOD', detail });
  };
  return { asked, work };
}

describe('a wallet that the database says another node has (WLNOD)', () => {
  it('is looked for once more where the file now has it', async () => {
    const { asked, work } = askedIn('b', '{}');
    write({ a: '', b: '0-63' });
    expect(await ranges.withNode(WALLET, work)).toBe('found on b');
    expect(asked).toEqual(['a', 'b']);
    expect(ranges.nodeOf(WALLET)).toBe('b');
  });

  it('is looked for once more where the database says it is, before the file does', async () => {
    const { asked, work } = askedIn('b', told('b'));
    expect(await ranges.withNode(WALLET, work)).toBe('found on b');
    expect(asked).toEqual(['a', 'b']);
  });

  it.each([
    ['nobody says where', 'b', 'no JSON', ['a']],
    ['it is on a node that this process does not know', 'c', told('c'), ['a']],
    ['the other one does not have it either', 'c', told('b'), ['a', 'b']],
    ['it is another wallet of the call that is elsewhere', 'b', told('b', walletIdOf('player-2', 'GOLD')), ['a']],
  ])('is refused where %s', async (_what, there, detail, expected) => {
    const { asked, work } = askedIn(there, detail);
    await expect(ranges.withNode(WALLET, work)).rejects.toMatchObject({ code: 'WLNOD' });
    expect(asked).toEqual(expected);
  });

  it('is refused where the file cannot be read, which changes nothing', async () => {
    const { work } = askedIn('b', '{}');
    writeFileSync(path, '{');
    await expect(ranges.withNode(WALLET, work)).rejects.toMatchObject({ code: 'WLNOD' });
    expect(ranges.nodeOf(WALLET)).toBe('a');
  });
});

it('another refusal is not tried again', async () => {
  const asked: string[] = [];
  const refused = ranges.withNode(WALLET, (node) => {
    asked.push(node);
    throw Object.assign(new Error('wallet not found'), { code: 'WLNOW' });
  });
  await expect(refused).rejects.toMatchObject({ code: 'WLNOW' });
  expect(asked).toEqual(['a']);
});
