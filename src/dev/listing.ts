/** Lists the schema of a database as text for review. db/listing.txt is the listing of a migrated database. */
import { readFile } from 'node:fs/promises';
import type pg from 'pg';

const QUERY = new URL('../../db/listing.sql', import.meta.url);

/** `client` must not be in a transaction. */
export async function listSchema(client: pg.ClientBase): Promise<string> {
  await client.query("begin transaction isolation level repeatable read read only; set local search_path = ''");
  try {
    const { rows } = await client.query<{ line: string }>(await readFile(QUERY, 'utf8'));
    return `${rows.map(({ line }) => line).join('\n')}\n`.trimStart();
  } finally {
    await client.query('rollback');
  }
}
