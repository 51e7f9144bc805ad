/** Sets the rights on the database itself. No migration can keep them: a dump or copy of a database does not contain them. */
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { log } from '../observability/log.ts';
import { withSession } from './session.ts';

const RIGHTS_FILE = new URL('../../db/database_rights.sql', import.meta.url);

/** `url` logs in as the owner of the database or as a superuser; otherwise the log has the statements that they must run. */
export function setRights(url: string): Promise<void> {
  return withSession(url, 'wallet-migrate', setRightsIn);
}

export async function setRightsIn(client: pg.Client): Promise<void> {
  const logNotice = ({ severity, message }: { severity?: string; message?: string }): void => {
    log[severity === 'WARNING' ? 'warn' : 'debug']({ note: message }, 'rights of the database');
  };
  client.on('notice', logNotice);
  try {
    await client.query('set client_min_messages = notice');
    await client.query(await readFile(RIGHTS_FILE, 'utf8'));
  } finally {
    client.off('notice', logNotice);
    await client.query('set client_min_messages = warning').catch(() => undefined);
  }
}
