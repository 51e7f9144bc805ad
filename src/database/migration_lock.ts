/** Migrations run one at a time. Their locks are advisory, which every login of the database may take: one that cannot be migrating loses it. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { UnreachableError } from '../exit.ts';
import { log } from '../observability/log.ts';

/** That of graphile-migrate, which takes it for each run. */
export const GRAPHILE_MIGRATE_LOCK = '4727445306447283';
/** Ours, for what comes before and after. The words "wallet migrate" on the keys of a telephone. */
const LOCK = '9255386447283';

const LOCK_LIMIT_MS = 60_000;
const RETRY_MS = 500;

interface Holder {
  pid: number;
  login: string;
}

/** Only who may make schemas can be migrating. */
const INTRUDERS = `
select a.pid, a.usename as login
  from pg_locks l join pg_stat_activity a using (pid)
  where l.locktype = 'advisory' and l.granted and l.database = (select oid from pg_database where datname = current_database())
    and l.objsubid = 1 and (l.classid::bigint << 32) | l.objid::bigint = $1
    and not has_database_privilege(a.usesysid, l.database, 'create')`;

/** Runs `work` while no other migration of this database runs. `url` logs in as an administrator. */
export async function withMigrationLock<T>(url: string, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'wallet-migrate' });
  // Whoever else waits may go on then; what runs meanwhile can be run twice.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('set idle_session_timeout = 0');
    for (const deadline = Date.now() + LOCK_LIMIT_MS; !(await tryLock(client)); await sleep(RETRY_MS)) {
      if (Date.now() > deadline) throw new UnreachableError('Another migration of this database does not end');
      await evictIntruders(client, LOCK);
    }
    return await work();
  } finally {
    await client.end();
  }
}

/** Takes a lock of migrations from sessions that have no use for it. */
export async function evictIntrudersOf(url: string, lock: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'wallet-migrate' });
  await client.connect();
  try {
    await evictIntruders(client, lock);
  } finally {
    await client.end();
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [LOCK]);
  return rows[0]?.locked === true;
}

async function evictIntruders(client: pg.Client, lock: string): Promise<void> {
  const { rows } = await client.query<Holder>(INTRUDERS, [lock]);
  for (const { pid, login } of rows) {
    try {
      await client.query('select pg_terminate_backend($1)', [pid]);
    } catch (error) {
      if ((error as { code?: string }).code !== '42501') throw error;
      throw new UnreachableError(
        `The login ${login} holds the lock of migrations, for which it has no use: end its session ${pid} as a superuser`,
        { cause: error },
      );
    }
    log.warn({ login, pid }, 'ended a session that held the lock of migrations without being one');
  }
}
