-- Roles belong to the cluster: another database of it may have made them already. Who may call what is said at each function,
-- who may read what at each table.
do $roles$
declare
  v_role text;
begin
  foreach v_role in array array[
    'wallet_owner', 'wallet_player', 'wallet_service', 'wallet_operator', 'wallet_auditor', 'wallet_job'
  ] loop
    if not exists (select from pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
  if not exists (select from pg_roles where rolname = 'wallet_gateway') then
    create role wallet_gateway login noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'wallet_worker') then
    create role wallet_worker login;
  end if;
  -- A migrating login that is no superuser acts as the owner here, installs the worker's queue for it, and later seeds and verifies.
  foreach v_role in array array['wallet_owner', 'wallet_operator', 'wallet_auditor', 'wallet_worker'] loop
    if not pg_has_role(current_user, v_role, 'set') then
      execute format('grant %I to %I with inherit false, set true', v_role, current_user);
    end if;
  end loop;
end
$roles$;

comment on role wallet_owner is 'Owns every object of the ledger; nobody logs in as it.';
comment on role wallet_gateway is 'The login of the GraphQL gateway: may do nothing itself but become player, service, operator or auditor.';
comment on role wallet_player is 'A player: reads the own wallets and their history.';
comment on role wallet_service is 'A game or shop backend: opens wallets and books the flows.';
comment on role wallet_operator is 'Support and administration: everything a service may, and assets.';
comment on role wallet_auditor is 'Reads everything, house wallets included, and verifies the ledger; writes nothing.';
comment on role wallet_job is 'Trusted SQL jobs, as a group role of their logins: the flows inside a transaction of their own.';
comment on role wallet_worker is 'The login of the background worker: a trusted SQL job that books what falls due.';

grant wallet_player, wallet_service, wallet_operator, wallet_auditor to wallet_gateway with inherit false, set true;
grant wallet_job to wallet_worker with inherit true, set false;

-- How long a session of a login may take, whatever program opens it. The services' pools say the same for connections of a
-- superuser, which take a login on and do not get its settings. Downloads last for up to a quarter of an hour.
-- Where another database has set it already, nothing is to be done.
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
