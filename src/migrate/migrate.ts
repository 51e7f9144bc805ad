/** Applies the pending migrations, and updates the rights on the database, the feed's epoch and the worker's queue. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { beginEpochIn } from './epoch.ts';
import { inTurns, LOCK_TIMEOUT_MS, pidOf, type Turns } from './locks.ts';
import { inTransaction, pendingOf, readMigrations, RECORD, runMigration } from './migrations.ts';
import { checkDatabase } from './preflight.ts';
import { setRightsIn } from './rights.ts';
import { withSession } from './session.ts';
import { installQueue } from './queue.ts';

export interface MigrateOptions {
  migrationsFolder?: string;
  waitMs?: number;
}

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../db/migrations', import.meta.url));
const ROLES_FILE = new URL('../../db/roles.sql', import.meta.url);
const WAIT_MS = 120_000;
const NAME = 'wallet-migrate';
/** SQLSTATEs if another session creates the same role, schema or table at the same time: the next attempt finds it. */
const MADE_MEANWHILE = ['23505', '42710', '42P06', '42P07'];

/** A table lock needs a grant: any login could take an advisory lock. */
const TAKE_TURN = `
set local role wallet_owner;
lock table wallet_migrate.migrations in share update exclusive mode;
reset role`;

/** `url` logs in as an administrator. Of several concurrent callers, one migrates and the others wait. */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<void> {
  const { migrationsFolder = MIGRATIONS_FOLDER, waitMs = WAIT_MS } = options;
  const deadline = Date.now() + waitMs;
  await withSession(url, NAME, (first) =>
    withSession(url, NAME, async (second) => {
      await checkDatabase(first);
      for (const client of [first, second]) await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
      const turns = (what: string, client: pg.Client, watcher: pg.Client): Turns => {
        return { what, deadline, watcher, pid: () => pidOf(client) };
      };
      await inTurns({ ...turns('The roles', first, second), also: MADE_MEANWHILE }, () => prepare(first));
      await inTurns(turns('The turn to migrate', first, second), () => takeTurn(first));
      // `first` holds the migration lock until its transaction ends; from now on it only watches for blockers.
      for (const migration of await pendingOf(await readMigrations(migrationsFolder, second), second)) {
        await inTurns(turns(`The migration ${migration.name}`, second, first), () => runMigration(migration, second));
      }
      await inTurns(turns('The rights on the database', second, first), () => setRightsIn(second));
      await inTurns(turns('The epoch of the feed', second, first), () => beginEpochIn(second));
      await installQueue(url, (pid, install) =>
        inTurns({ ...turns("The worker's queue", second, first), pid }, install),
      );
      await first.query('commit');
    }),
  );
}

const MAY_MIGRATE = `
select rolcreaterole or exists (
    select from pg_auth_members where member = l.oid and roleid = to_regrole('wallet_owner')) as "mayMigrate"
from pg_roles l where rolname = session_user`;

export async function mayMigrate(url: string): Promise<boolean> {
  const { rows } = await withSession(url, 'wallet-start', (client) =>
    client.query<{ mayMigrate: boolean }>(MAY_MIGRATE),
  );
  return rows[0]?.mayMigrate === true;
}

async function prepare(client: pg.Client): Promise<void> {
  const roles = await readFile(ROLES_FILE, 'utf8');
  await inTransaction(client, async () => {
    await client.query(roles);
    const { rows } = await client.query<{ isThere: boolean }>(
      `select to_regclass('wallet_migrate.migrations') is not null as "isThere"`,
    );
    if (rows[0]?.isThere !== true) await client.query(RECORD);
  });
}

async function takeTurn(client: pg.Client): Promise<void> {
  await client.query('begin');
  try {
    await client.query(TAKE_TURN);
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
