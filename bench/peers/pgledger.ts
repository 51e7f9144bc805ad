/** Makes a database with pgledger from a checkout elsewhere; this project contains none of its text. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { settle, urlOf, withClient } from '../databases.ts';

/** A folder beside the file has the functions for its ids. */
const HELPERS = 'vendor/scoville-pgsql-ulid';

/** `path` is that of pgledger.sql. Returns the URL of the database. */
export async function installPgledger(url: string, database: string, path: string): Promise<string> {
  await withClient(url, (client) => client.query(`create database ${database}`));
  const own = urlOf(url, database);
  await withClient(own, async (client) => {
    for (const file of [...(await helpersOf(path)), path]) await client.query(await readFile(file, 'utf8'));
    await client.query(await readFile(new URL('pgledger.sql', import.meta.url), 'utf8'));
    await settle(client);
  });
  return own;
}

async function helpersOf(path: string): Promise<string[]> {
  const folder = join(dirname(path), HELPERS);
  const files = await readdir(folder).catch(() => []);
  return files
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => join(folder, file));
}
