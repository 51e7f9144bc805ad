import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../../db/tests/helpers.ts';
import { ConfigError } from '../config.ts';
import { ROOT } from '../testing.ts';
import { rangeOf, readNodesFile, walletIdOf } from './file.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodes-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function fileWith(content: unknown): string {
  const path = join(folder, `${randomUUID()}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const node = (ranges: unknown, more: object = {}) => ({ ranges, database: 'postgres://u:p@db/wallet', ...more });

describe('readNodesFile', () => {
  it('reads the ranges and the databases of each node, and passwords from files', () => {
    const secret = join(folder, 'password');
    writeFileSync(secret, 'one\n');
    const a = {
      worker: 'postgres://w:p@db/wallet',
      read: 'postgres://u:p@copy/wallet',
      owner: 'postgres://o:p@db/wallet',
    };
    const b = { ranges: '22-62', database: 'postgres://u@other/wallet', databasePasswordFile: secret };
    const { nodes, ranges } = readNodesFile(fileWith({ nodes: { a: node('0-21, 63', a), b } }));

    expect(nodes.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(nodes[0]).toMatchObject({
      ownerUrl: a.owner,
      config: { databaseUrl: 'postgres://u:p@db/wallet', workerDatabaseUrl: a.worker, readDatabaseUrl: a.read },
    });
    expect(nodes[1]).toMatchObject({ ownerUrl: undefined, config: { databaseUrl: 'postgres://u:one@other/wallet' } });
    writeFileSync(secret, 'two\n');
    expect(nodes[1]?.config.passwords.database?.()).toBe('two');
    expect(ranges).toHaveLength(64);
    expect([0, 21, 22, 62, 63].map((range) => ranges[range])).toEqual(['a', 'a', 'b', 'b', 'a']);
  });

  it('reads the file that docs/operate/nodes-routing.md shows', () => {
    const secret = join(folder, 'gateway');
    writeFileSync(secret, 'one\n');
    const page = readFileSync(join(ROOT, 'docs/operate/nodes-routing.md'), 'utf8');
    const [, shown = ''] = /```json[^\n]*\n(.*?)```/s.exec(page) ?? [];
    const { nodes, ranges } = readNodesFile(fileWith(shown.replaceAll(/\/run\/secrets\/gateway-[ab]/g, secret)));

    expect(nodes.map(({ config }) => config.databaseUrl)).toEqual([
      'postgresql://wallet_gateway:one@db-a/wallet',
      'postgresql://wallet_gateway:one@db-b/wallet',
    ]);
    expect(ranges.indexOf('b')).toBe(32);
  });

  it('lets a node have no ranges, which is about to get some', () => {
    expect(readNodesFile(fileWith({ nodes: { a: node('0-63'), b: node('') } })).nodes).toHaveLength(2);
  });

  it.each([
    ['{', 'is no JSON'],
    [{}, 'nodes must be an object'],
    [{ nodes: {}, more: 1 }, '"more" is not known'],
    [{ nodes: {} }, 'range 0 is of no node'],
    [{ nodes: { a: node('0-11,13-63') } }, 'range 12 is of no node'],
    [{ nodes: { a: node('0-63'), b: node('5') } }, 'range 5 is of node a and of node b'],
    [{ nodes: { a: node('0-63,5') } }, 'range 5 is of node a and of node a'],
    [{ nodes: { a: node('0-64') } }, '"0-64" is no range'],
    [{ nodes: { a: node('5-3') } }, '"5-3" is no range'],
    [{ nodes: { a: node('0-63,') } }, '"" is no range'],
    [{ nodes: { a: node(63) } }, 'node a: ranges must be a text'],
    [{ nodes: { A: node('0-63') } }, '"A" is no name'],
    [{ nodes: { a: { ranges: '0-63' } } }, 'node a: database is missing'],
    [{ nodes: { a: node('0-63', { database: 'db:5432/wallet' }) } }, 'node a: DATABASE_URL must start'],
    [{ nodes: { a: node('0-63', { worker: 1 }) } }, 'node a: worker must be a text'],
    [{ nodes: { a: node('0-63', { url: 'x' }) } }, 'node a: "url" is not known'],
    [{ nodes: [] }, 'nodes must be an object'],
  ])('refuses %j', (content, message) => {
    const path = fileWith(content);
    expect(() => readNodesFile(path)).toThrow(ConfigError);
    expect(() => readNodesFile(path)).toThrow(message);
  });

  it('refuses a file that is not there', () => {
    expect(() => readNodesFile(join(folder, 'none'))).toThrow('cannot be read (ENOENT)');
  });
});

describe('walletIdOf and rangeOf', () => {
  const db = createDatabase();

  it('are those of PostgreSQL, for 5000 owners in all kinds of letters', async () => {
    const letters = [
      'a',
      'Z',
      '0',
      '-',
      ' ',
      '"',
      '\\',
      '\u00e9',
      '\u00df',
      '\u4e2d',
      '\u{1f600}',
      '\u0301',
      '\u200d',
      '\uffff',
      '\u007f',
    ];
    const owners = Array.from({ length: 5000 }, (_, nth) => {
      const length = 1 + (nth % 40);
      const text = Array.from(
        { length },
        (_none, place) => letters[(nth * 7 + place * (1 + (nth % 11))) % letters.length],
      );
      return `${text.join('')}${nth}`;
    });
    const assets = ['GOLD', 'a.b-c_d', 'x'.repeat(64)];
    const asset = (index: number): string => assets[index % assets.length] ?? '';
    const { rows } = await db.query<{ id: string; range: number }>(
      `select id, get_byte(uuid_send(id), 0) >> 2 as range
       from unnest($1::text[], $2::text[]) with ordinality o (owner, asset, place), ledger.wallet_id(owner, asset) id order by place`,
      [owners, owners.map((_, index) => asset(index))],
    );

    expect(owners.map((owner, index) => walletIdOf(owner, asset(index)))).toEqual(rows.map(({ id }) => id));
    expect(rows.map(({ id }) => rangeOf(id))).toEqual(rows.map(({ range }) => range));
    expect(rows.map(({ id }) => rangeOf(id.toUpperCase()))).toEqual(rows.map(({ range }) => range));
    expect(new Set(rows.map(({ range }) => range)).size).toBe(64);
  });
});
