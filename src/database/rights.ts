/** The rights on the database as a whole, which no migration can keep: a dump or a copy of a database does not bring them along. */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { log } from '../observability/log.ts';

const RIGHTS_FILE = new URL('../../db/database_rights.sql', import.meta.url);
const LOCK_TIMEOUT_MS = 60_000;

/** Idempotent. `url` logs in as the owner of the database or as a superuser; with less, the log says what they have to run. */
export async function setRights(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'wallet-migrate',
    lock_timeout: LOCK_TIMEOUT_MS,
  });
  client.on('notice', ({ severity, message }) => {
    log[severity === 'WARNING' ? 'warn' : 'info']({ note: message }, 'rights of the database');
  });
  await client.connect();
  try {
    await client.query('set search_path = pg_catalog');
    await client.query(await readFile(RIGHTS_FILE, 'utf8'));
  } finally {
    await client.end();
  }
}
