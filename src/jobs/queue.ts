/** Where the worker's jobs wait: the schema of graphile-worker, which belongs to the worker's login. */
import { Logger, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { log } from '../observability/log.ts';

export const QUEUE_SCHEMA = 'graphile_worker';

const LOCK_TIMEOUT_MS = 60_000;
const QUIET = new Set<string>(['info', 'debug']);

/**
 * Run once on the connection that migrates. graphile-worker would make the schema and this first table itself, but for
 * that its login needs the right to make schemas. The lock, kept as long as the connection, lets the first of several
 * callers do everything.
 */
const PREPARE = `
set lock_timeout = ${LOCK_TIMEOUT_MS};
select pg_advisory_lock(hashtext('${QUEUE_SCHEMA}'));
do $$ begin
  if to_regnamespace('${QUEUE_SCHEMA}') is null then
    create schema ${QUEUE_SCHEMA} authorization wallet_worker
      create table migrations (
        id int primary key,
        ts timestamptz not null default now(),
        breaking boolean not null default false
      );
  end if;
end $$;
set role wallet_worker`;

/** Brings the queue's schema up to date. `url` logs in as an administrator, but what is made is the worker's. */
export async function installQueue(url: string): Promise<void> {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    application_name: 'wallet-migrate',
    // The pool waits for it before it lends the connection, which the type does not say.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: (client) => client.query(PREPARE),
  });
  // The query that is under way tells.
  const ignore = () => undefined;
  pool.on('error', ignore).on('connect', (client) => client.on('error', ignore));
  try {
    await runMigrations({ pgPool: pool, schema: QUEUE_SCHEMA, logger: queueLogger });
  } finally {
    await pool.end();
  }
}

/** What goes well is told by whoever asked for it; the rest is a line each, without stacks. */
export const queueLogger = new Logger(() => (level, message, meta) => {
  if (QUIET.has(level)) return;
  const [line = ''] = message.split('\n', 1);
  const reason = meta.fatalError instanceof Error ? `: ${meta.fatalError.message}` : '';
  log.error({ error: `${line.replace(/:$/, '')}${reason}` }, 'worker');
});
