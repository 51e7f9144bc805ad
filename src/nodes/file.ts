/** Which node has which wallets: what the file says that NODES names. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError, readDatabases, readDatabaseUrl } from '../config.ts';

export interface NodeSettings {
  name: string;
  /** What one server's settings of these names are. */
  config: ReturnType<typeof readDatabases> & { databaseUrl: string };
  /** An administrator's, for commands. */
  ownerUrl: string | undefined;
}

export interface NodesFile {
  nodes: readonly NodeSettings[];
  /** By the number of the range: the name of its node. */
  ranges: readonly string[];
}

export const RANGES = 64;
const NAME = /^[a-z][a-z\d_-]{0,30}$/;
/** Each URL, or the file that has it, or its password, as the variables of one server have them. */
const VARIABLES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ database: '', worker: 'WORKER_', read: 'READ_', owner: 'OWNER_' }).flatMap(([key, prefix]) => [
    [key, `${prefix}DATABASE_URL`],
    [`${key}File`, `${prefix}DATABASE_URL_FILE`],
    [`${key}PasswordFile`, `${prefix}DATABASE_PASSWORD_FILE`],
  ]),
);

export function readNodesFile(path: string): NodesFile {
  const { nodes: given } = objectIn(parsed(path), `NODES: ${path}`, ['nodes']);
  const entries = Object.entries(objectIn(given, 'NODES: nodes'));
  const ranges: string[] = [];
  const nodes = entries.map(([name, node]) => {
    if (!NAME.test(name)) throw new ConfigError(`NODES: "${name}" is no name: use up to 31 of a-z, 0-9, _ and -`);
    const place = `NODES: node ${name}`;
    const { ranges: own, ...urls } = objectIn(node, place, ['ranges', ...Object.keys(VARIABLES)]);
    for (const range of rangesIn(own, place)) {
      if (ranges[range] !== undefined)
        throw new ConfigError(`NODES: range ${range} is of node ${ranges[range]} and of node ${name}`);
      ranges[range] = name;
    }
    return nodeOf(name, place, urls);
  });
  for (let range = 0; range < RANGES; range += 1)
    if (ranges[range] === undefined) throw new ConfigError(`NODES: range ${range} is of no node`);
  return { nodes, ranges };
}

/** The range that a wallet's id is in. */
export function rangeOf(walletId: string): number {
  return parseInt(walletId.slice(0, 2), 16) >> 2;
}

/** The id of an owner's wallet, whether it has been opened or not, as the ledger derives it: SHA-256 over the binary form of an array. */
export function walletIdOf(ownerId: string, assetCode: string): string {
  const hash = createHash('sha256').update(words(1, 0, OID_BYTEA, 3, 1));
  for (const text of ['ledger.wallet.v1', ownerId, assetCode])
    hash.update(words(Buffer.byteLength(text))).update(text, 'utf8');
  const id = hash.digest().subarray(0, 16);
  id.writeUInt8((id.readUInt8(6) & 0x0f) | 0x80, 6);
  id.writeUInt8((id.readUInt8(8) & 0x3f) | 0x80, 8);
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const OID_BYTEA = 17;

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeInt32BE(value, 4 * index));
  return bytes;
}

function nodeOf(name: string, place: string, urls: Record<string, unknown>): NodeSettings {
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(urls)) {
    if (typeof value !== 'string') throw new ConfigError(`${place}: ${key} must be a text`);
    env[VARIABLES[key] ?? key] = value;
  }
  try {
    const config = readDatabases(env);
    if (config.databaseUrl === undefined) throw new ConfigError('database is missing');
    return {
      name,
      config: { ...config, databaseUrl: config.databaseUrl },
      ownerUrl: readDatabaseUrl(env, 'OWNER_DATABASE_URL'),
    };
  } catch (error) {
    throw new ConfigError(`${place}: ${(error as Error).message}`, { cause: error });
  }
}

/** `0-21,63` */
function rangesIn(value: unknown, place: string): number[] {
  const parts = typeof value === 'string' && value !== '' ? value.split(',') : undefined;
  if (!parts && value !== '') throw new ConfigError(`${place}: ranges must be a text such as "0-21,63"`);
  return (parts ?? []).flatMap((part) => {
    const [, first = '', last = first] = /^\s*(\d{1,2})(?:-(\d{1,2}))?\s*$/.exec(part) ?? [];
    const [from, to] = [Number(first || RANGES), Number(last || RANGES)];
    if (from > to || to >= RANGES)
      throw new ConfigError(`${place}: "${part}" is no range: write one as 63 or 0-21, of 0 to ${RANGES - 1}`);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === undefined ? 'is no JSON' : `cannot be read (${code})`;
    throw new ConfigError(`NODES: ${path} ${reason}`, { cause: error });
  }
}

function objectIn(value: unknown, place: string, known?: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError(`${place} must be an object`);
  const unknown = Object.keys(value).find((key) => known && !known.includes(key));
  if (unknown !== undefined) throw new ConfigError(`${place}: "${unknown}" is not known there`);
  return value as Record<string, unknown>;
}
