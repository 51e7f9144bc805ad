/**
 * The migration that is next: what changed in db/ since the last release. Until its own release it is written anew in place with each change, so that
 * a change is made in one file; a database that an earlier text of it has made is refused.
 *
 * It holds db/upgrade.sql, which says by hand how tables and types become those of db/schema, and then, in the order of db/wallet.sql, each file that no
 * release has in these words: functions and views that are new or changed, and files of db/schema that are new.
 */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'graphile-migrate';
import { calculateHash } from 'graphile-migrate/dist/hash.js';

export const DB = new URL('../../db/', import.meta.url);
/** How many of the committed migrations are released: their text stays. */
export const RELEASED = 1;
export const NEXT = '000002-0-2-0.sql';

/** As graphile-migrate would commit it, or undefined where nothing changed. No database is asked. */
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
      // Of a table that a release has, the functions and views that its file includes may still change.
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

/** A new database at once, without the steps of the releases. It must be what the migrations make. */
export async function expandWhole(db: URL = DB): Promise<string> {
  return asCommitted(await expand(db, await readFile(new URL('wallet.sql', db), 'utf8')), null, 'wallet');
}

function asCommitted(body: string, previous: string | null, message: string): string {
  const hash = calculateHash(`${body}\n`, previous);
  return `--! Previous: ${previous ?? '-'}\n--! Hash: ${hash}\n--! Message: ${message}\n\n${body}\n`;
}

async function expand(db: URL, text: string): Promise<string> {
  const settings = {
    // Named only, because a text may hold placeholders for it.
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

/** Without the comment that heads the file. */
const statements = (text: string): string => text.replace(/^(--(?!!).*\n)+/, '').trim();
