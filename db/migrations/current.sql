-- Enter migration here

-- The gateway asks how far the database has been migrated: it is ready where its own code's newest migration is there.
grant usage on schema graphile_migrate to wallet_gateway;
grant select (hash) on graphile_migrate.migrations to wallet_gateway;

-- How long a session of a login may take, whatever program opens it. The services' pools say the same for connections of a
-- superuser, which take a login on and do not get its settings. Downloads last for up to a quarter of an hour.
-- Roles belong to the cluster: where another database has set it already, nothing is to be done.
do $settings$
declare
  v_role text;
  v_setting text;
  v_value text;
begin
  for v_role, v_setting, v_value in values
    ('wallet_gateway', 'statement_timeout', '30s'),
    ('wallet_gateway', 'lock_timeout', '2s'),
    ('wallet_gateway', 'idle_in_transaction_session_timeout', '60s'),
    ('wallet_gateway', 'transaction_timeout', '20min'),
    ('wallet_worker', 'statement_timeout', '30s'),
    ('wallet_worker', 'lock_timeout', '2s'),
    ('wallet_worker', 'idle_in_transaction_session_timeout', '60s'),
    ('wallet_worker', 'transaction_timeout', '2min')
  loop
    if not exists (
      select from pg_db_role_setting
      where setrole = v_role::regrole and setdatabase = 0 and v_setting || '=' || v_value = any (setconfig)
    ) then
      execute format('alter role %I set %I = %L', v_role, v_setting, v_value);
    end if;
  end loop;
exception
  when insufficient_privilege then
    raise warning 'the timeouts of % are left to an administrator: %', v_role, sqlerrm;
end
$settings$;

-- What the gateway keeps for itself, apart from the ledger. Unlogged: cheap, and a crash may forget it.
create schema gateway authorization wallet_owner;

set local role wallet_owner;

comment on schema gateway is 'What the processes of the gateway share: nothing of the ledger.';

create unlogged table gateway.rate_limits (
  key text primary key,
  points int not null default 0,
  expire bigint
) with (fillfactor = 70);
comment on table gateway.rate_limits is 'How many requests each caller has sent within the current window.';
comment on column gateway.rate_limits.key is 'A hash of the role and the subject of the token.';
comment on column gateway.rate_limits.points is 'Requests so far.';
comment on column gateway.rate_limits.expire is 'The end of the window, in milliseconds since 1970.';

grant usage on schema gateway to wallet_gateway;
grant select, insert, update, delete on gateway.rate_limits to wallet_gateway;

reset role;
