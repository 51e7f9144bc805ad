--! Previous: sha1:3266392ce0dd3c250b7b86cc97fb48cd4e227105
--! Hash: sha1:b07491a6532deded7aa35ad690748574ee12a261
--! Message: worker-login

-- The login of the background worker.
do $roles$
begin
  if not exists (select from pg_roles where rolname = 'wallet_worker') then
    create role wallet_worker login;
  end if;
  -- A migrating login that is no superuser installs the worker's queue for it.
  if not pg_has_role(current_user, 'wallet_worker', 'set') then
    execute format('grant wallet_worker to %I with inherit false, set true', current_user);
  end if;
end
$roles$;

grant wallet_job to wallet_worker with inherit true, set false;
comment on role wallet_worker is 'The login of the background worker: a trusted SQL job that books what falls due.';
