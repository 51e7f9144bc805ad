/**
 * The first migration is db/wallet.sql with every include expanded. Until release 0.1.0 it is written anew in place with each change, and no
 * database is carried over; from then on what was released stays, and changes are further migrations.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'graphile-migrate';

const DB = new URL('../../db/', import.meta.url);
export const FIRST_MIGRATION = new URL('migrations/committed/000001-wallet.sql', DB);

/** As graphile-migrate would commit it; no database is asked. */
export async function expandFirstMigration(): Promise<string> {
  const settings = {
    // Named only, because a text may hold placeholders for it.
    connectionString: 'postgresql:///wallet',
    migrationsFolder: fileURLToPath(new URL('migrations', DB)),
  };
  const body = (await compile(settings, await readFile(new URL('wallet.sql', DB), 'utf8'))).trim();
  const hash = createHash('sha1').update(`${body}\n`).digest('hex');
  return `--! Previous: -\n--! Hash: sha1:${hash}\n--! Message: wallet\n\n${body}\n`;
}
