/** Creates and updates the schema of the worker's job queue. */
import { runMigrations } from 'graphile-worker';
import pg from 'pg';
import { prepareSession } from './session.ts';
import { QUEUE_SCHEMA, queueLogger } from '../jobs/queue.ts';
import { LOCK_TIMEOUT_MS, pidOf } from './locks.ts';

/**
 * wallet_owner owns the schema, and nobody logs in as that role. If the worker's login owned it, the login could replace its functions with
 * code that would run here with the rights of an administrator. graphile-worker would create the schema and this first table itself, but
 * then the owner would need the right to create schemas.
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

/** Lets the worker's login change rows and call functions. Row security would otherwise show rows to the owner only. */
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

/** graphile-worker sends this notification to all workers in the database, whatever their schema, and they would exit. */
const ANNOUNCEMENT = 'select pg_notify($1, $2)';

/**
 * Updates the queue's schema. `url` logs in as an administrator, but wallet_owner owns what is created. `wait` repeats `install` until it
 * gets its locks; `pid` is the server process that needs them.
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
    // The pool waits for this promise before it hands out the connection; pg's type does not say so.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: async (client) => {
      pid = pidOf(client);
      await prepareSession(client);
      await client.query(PREPARE);
      silence(client);
    },
  });
  // The query in flight reports the error.
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
