/** A gateway on three databases of the test server, each with the wallets of a third of the ranges. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, newOwner, type Database } from '../../db/tests/helpers.ts';
import { Gateway } from '../testing.ts';
import { rangeOf, walletIdOf } from './file.ts';

export const NODES = ['a', 'b', 'c'] as const;
export type Name = (typeof NODES)[number];

const RANGES = { a: [0, 21], b: [22, 42], c: [43, 63] } as const;

export interface ThreeNodes {
  databases: Readonly<Record<Name, Database>>;
  gateway: Gateway;
  /** Says in the file which ranges each has. */
  write: (ranges: Readonly<Record<Name, string>>) => void;
  /** Somebody whose wallet of an asset is on that node. */
  ownerOn: (node: Name, asset: string) => string;
}

const inWords = ([first, last]: readonly [number, number]): string => `${first}-${last}`;
export const THIRDS = { a: inWords(RANGES.a), b: inWords(RANGES.b), c: inWords(RANGES.c) };

/** `urls`: of nodes that are not where their databases are. */
export function createNodes(urls: Partial<Record<Name, string>> = {}): ThreeNodes {
  const folder = mkdtempSync(join(tmpdir(), 'nodes-'));
  const path = join(folder, 'nodes.json');
  afterAll(async () => {
    await gateway.stop();
    rmSync(folder, { recursive: true });
  });
  const databases = { a: createDatabase(), b: createDatabase(), c: createDatabase() };
  const gateway = new Gateway(databases.a, { DATABASE_URL: '', NODES: path, NODE_ENV: 'production' });
  const write: ThreeNodes['write'] = (ranges) => {
    const nodes = NODES.map((name) => [name, { ranges: ranges[name], database: urls[name] ?? databases[name].url }]);
    writeFileSync(path, JSON.stringify({ nodes: Object.fromEntries(nodes) as object }));
  };
  beforeAll(async () => {
    for (const name of NODES) await haveRanges(databases[name], name);
    write(THIRDS);
    await gateway.start();
  });
  return { databases, gateway, write, ownerOn };
}

/** Tells a database which node it is, and which ranges each has from now on. */
export async function haveRanges(
  db: Database,
  node: Name,
  of: Partial<Record<Name, readonly [number, number]>> = RANGES,
): Promise<void> {
  const ranges = Object.entries(of).map(([name, [first, last]]) => {
    return { node: name, first_id: idOf(first * 4, '0'), last_id: idOf(last * 4 + 3, 'f') };
  });
  await db.query('select ledger_private.node_ranges_set(node => $1, ranges => $2)', [node, JSON.stringify(ranges)]);
}

function idOf(byte: number, rest: string): string {
  const first = byte.toString(16).padStart(2, '0');
  return `${first}${rest.repeat(6)}-${rest.repeat(4)}-${rest.repeat(4)}-${rest.repeat(4)}-${rest.repeat(12)}`;
}

function ownerOn(node: Name, asset: string): string {
  const [first, last] = RANGES[node];
  for (;;) {
    const owner = newOwner();
    const range = rangeOf(walletIdOf(owner, asset));
    if (range >= first && range <= last) return owner;
  }
}
