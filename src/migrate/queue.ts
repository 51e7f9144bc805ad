/** Makes the schema in which the worker's jobs wait, and brings it up to date. */
import { runMigrations } from 'graphile-worker';
import pg from 'pg';
import { prepareSession } from './session.ts';
import { QUEUE_SCHEMA, queueLogger } from '../jobs/queue.ts';
import { LOCK_TIMEOUT_MS, pidOf } from './locks.ts';

/**
 * The schema is the owner's, whom nobody logs in as: what belonged to the worker's login, that login could exchange for code of its own,
 * which would run here with the rights of an administrator. graphile-worker would make the schema and this first table itself, but for
 * that the owner needs the right to make schemas.
 */
const PREPARE = `
set lock_timeout = ${LOCK_TIMEOUT_MS};
do $$ begin
  if to_regnamespace('${QUEUE_SCHEMA}') is null then
    create schema ${QUEUE_SCHEMA} authorization wallet_owner
      create table migrations (
        id int primary key,
        ts timestamptz not null default now(),
        breaking boolean not null default false
      );
  end if;
end $$;
set role wallet_owner`;

/** What the worker's login may: work with the rows, and call the functions. The library's tables let only their owner see rows. */
const GRANT = `
do $$
declare
  v_table record;
begin
  grant usage on schema ${QUEUE_SCHEMA} to wallet_worker;
  comment on schema ${QUEUE_SCHEMA} is 'The jobs of the wallet''s worker, as Graphile Worker keeps them.';
  for v_table in
    select c.oid, c.oid::regclass as name, c.relrowsecurity, case
      when c.relkind = 'r' and c.relname <> 'migrations' then 'select, insert, update, delete' else 'select' end as rights
    from pg_class c where c.relnamespace = '${QUEUE_SCHEMA}'::regnamespace and c.relkind in ('r', 'v')
  loop
    if not has_table_privilege('wallet_worker', v_table.oid, 'select') then
      execute format('grant %s on %s to wallet_worker', v_table.rights, v_table.name);
    end if;
    if v_table.relrowsecurity and not exists (select from pg_policy where polrelid = v_table.oid) then
      execute format('create policy worker on %s to wallet_worker using (true) with check (true)', v_table.name);
    end if;
  end loop;
  grant execute on all functions in schema ${QUEUE_SCHEMA} to wallet_worker;
  grant usage on type ${QUEUE_SCHEMA}.job_spec to wallet_worker;
end $$`;

/** The library notifies all workers in the database, whatever their schema, that their own is about to change: they would end. */
const ANNOUNCEMENT = 'select pg_notify($1, $2)';

/**
 * Brings the queue's schema up to date. `url` logs in as an administrator, but what is made is the owner's. `wait` does it
 * until it gets its locks, with the server process that wants them.
 */
export async function installQueue(
  url: string,
  wait: (pid: () => number | undefined, install: () => Promise<void>) => Promise<void>,
): Promise<void> {
  let pid: number | undefined;
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    application_name: 'wallet-migrate',
    // The pool waits for it before it hands out the connection, which the type does not say.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: async (client) => {
      pid = pidOf(client);
      await prepareSession(client);
      await client.query(PREPARE);
      silence(client);
    },
  });
  // The query in flight fails with it.
  const ignore = () => undefined;
  pool.on('error', ignore).on('connect', (client) => client.on('error', ignore));
  try {
    await wait(
      () => pid,
      async () => {
        await runMigrations({ pgPool: pool, schema: QUEUE_SCHEMA, logger: queueLogger });
        await pool.query(GRANT);
      },
    );
  } finally {
    await pool.end();
  }
}

function silence(client: pg.ClientBase): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const quiet = (...args: unknown[]): unknown =>
    args[0] === ANNOUNCEMENT ? Promise.resolve({ rows: [], rowCount: 0 }) : query(...args);
  Object.assign(client, { query: quiet });
}
