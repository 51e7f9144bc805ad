-- The roles of the service, which belong to the cluster: no dump of a database carries them. `npm run migrate` runs
-- this each time; before a dump is restored into a new cluster, an administrator runs it there. It changes only what is
-- missing. Whoever runs it needs CREATEROLE, and ADMIN on those roles that exist.
set search_path = pg_catalog, pg_temp;

do $roles$
declare
  v_role text;
  v_setting text;
  v_value text;
begin
  foreach v_role in array array[
    'wallet_owner', 'wallet_player', 'wallet_service', 'wallet_operator', 'wallet_auditor', 'wallet_job'
  ] loop
    if to_regrole(v_role) is null then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
  if to_regrole('wallet_gateway') is null then
    create role wallet_gateway login noinherit;
  end if;
  if to_regrole('wallet_worker') is null then
    create role wallet_worker login;
  end if;

  -- An administrator who is no superuser dumps, restores and migrates with the rights of the owner,
  if not pg_has_role(current_user, 'wallet_owner', 'set') or not pg_has_role(current_user, 'wallet_owner', 'usage') then
    execute format('grant wallet_owner to %I with inherit true, set true', current_user);
  end if;
  -- and becomes these to seed, seal and verify.
  foreach v_role in array array['wallet_operator', 'wallet_auditor', 'wallet_worker'] loop
    if not pg_has_role(current_user, v_role, 'set') then
      execute format('grant %I to %I with inherit false, set true', v_role, current_user);
    end if;
  end loop;

  foreach v_role in array array['wallet_player', 'wallet_service', 'wallet_operator', 'wallet_auditor'] loop
    if not pg_has_role('wallet_gateway', v_role, 'set') then
      execute format('grant %I to wallet_gateway with inherit false, set true', v_role);
    end if;
  end loop;
  if not pg_has_role('wallet_worker', 'wallet_job', 'usage') then
    grant wallet_job to wallet_worker with inherit true, set false;
  end if;

  for v_role, v_value in values
    ('wallet_owner', 'Owns every object of the ledger; nobody logs in as it.'),
    ('wallet_gateway',
      'The login of the GraphQL gateway: may do nothing itself but become player, service, operator or auditor.'),
    ('wallet_player', 'A player: reads the own wallets and their history.'),
    ('wallet_service', 'A game or shop backend: opens wallets and books the flows.'),
    ('wallet_operator', 'Support and administration: everything a service may, and assets.'),
    ('wallet_auditor', 'Reads everything and verifies the ledger; writes nothing.'),
    ('wallet_job', 'Trusted SQL jobs, as a group role of their logins: the flows inside a transaction of their own.'),
    ('wallet_worker', 'The login of the background worker: a trusted SQL job that books what falls due.')
  loop
    if shobj_description(to_regrole(v_role), 'pg_authid') is distinct from v_value then
      execute format('comment on role %I is %L', v_role, v_value);
    end if;
  end loop;

  -- How long a session of a login may take, whatever program opens it. The services' pools say the same for connections
  -- of a superuser, which take a login on and do not get its settings. Downloads last for up to a quarter of an hour.
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
end
$roles$;
