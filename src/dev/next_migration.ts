/**
 * Writes the next migration: what changed in db/ since the last release. Until its release the file is rewritten with each change, so that
 * each change is made in one source file; a database made by an earlier text of it is refused. It contains db/upgrade.sql, the hand-written
 * changes of tables and types, and then, in the order of db/wallet.sql, each file that differs from all releases: new or changed functions
 * and views, and new files of db/schema.
 */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'graphile-migrate';
import { calculateHash } from 'graphile-migrate/dist/hash.js';

export const DB = new URL('../../db/', import.meta.url);
/** How many of the committed migrations are released: their text is never changed. */
export const RELEASED = 1;
export const NEXT = '000002-0-2-0.sql';

/** Returns the text that graphile-migrate would commit; undefined if nothing changed. */
export async function expandNextMigration(db: URL = DB): Promise<string | undefined> {
  const released = await releasedMigrations(db);
  const before = new Map(released.flatMap((text) => [...included(text)]));
  const previous = /^--! Hash: (\S+)$/m.exec(released.at(-1) ?? '')?.[1] ?? null;
  const upgrade = statements(await readFile(new URL('upgrade.sql', db), 'utf8'));
  const byHand = includes(upgrade);
  const changed: string[] = [];
  const add = async (paths: string[]): Promise<void> => {
    for (const path of paths) {
      const text = await readFile(new URL(path, db), 'utf8');
      // A released table is changed by hand, but functions and views that its file includes may have changed.
      if (path.startsWith('schema/') && before.has(path)) await add(includes(text));
      else if (!byHand.includes(path) && before.get(path) !== text.trim()) changed.push(path);
    }
  };
  await add(includes(await readFile(new URL('wallet.sql', db), 'utf8')));
  if (upgrade === '' && changed.length === 0) return undefined;
  const lines = [
    'set local role wallet_owner;',
    upgrade,
    ...changed.map((path) => `--!include ${path}`),
    'reset role;',
  ];
  return asCommitted(await expand(db, lines.filter(Boolean).join('\n\n')), previous, '0.2.0');
}

/** Creates the newest schema directly, without the steps of the releases. The result must equal that of the migrations. */
export async function expandWhole(db: URL = DB): Promise<string> {
  return asCommitted(await expand(db, await readFile(new URL('wallet.sql', db), 'utf8')), null, 'wallet');
}

function asCommitted(body: string, previous: string | null, message: string): string {
  const hash = calculateHash(`${body}\n`, previous);
  return `--! Previous: ${previous ?? '-'}\n--! Hash: ${hash}\n--! Message: ${message}\n\n${body}\n`;
}

async function expand(db: URL, text: string): Promise<string> {
  const settings = {
    // No connection is made; the name is for placeholders.
    connectionString: 'postgresql:///wallet',
    migrationsFolder: fileURLToPath(new URL('migrations', db)),
  };
  return (await compile(settings, text)).trim();
}

async function releasedMigrations(db: URL): Promise<string[]> {
  const folder = new URL('migrations/committed/', db);
  const names = (await readdir(folder)).sort().slice(0, RELEASED);
  return Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')));
}

function included(migration: string): [path: string, text: string][] {
  const parts = migration.matchAll(/^--! Included (\S+)\n([^]*?)\n--! EndIncluded \1$/gm);
  return [...parts].flatMap(([, path = '', text = '']) => [[path, text.trim()], ...included(text)]);
}

const includes = (text: string): string[] => [...text.matchAll(/^--!include (\S+)$/gm)].map(([, path = '']) => path);

const statements = (text: string): string => text.replace(/^(--(?!!).*\n)+/, '').trim();
