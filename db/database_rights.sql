-- Who may do what with this database as a whole, and how many connections the logins of the service may open. Runs with
-- each migrate, as its login: these rights come neither with a dump nor with a copy of a database. What is so already
-- stays untouched. What the login may not change, it tells: as a warning what the owner of the database should run, as
-- a notice what only a superuser can do. See docs/operate/roles.md.
do $rights$
declare
  c_roles constant text[] := array['wallet_gateway', 'wallet_worker', 'wallet_standby',
    'wallet_player', 'wallet_service', 'wallet_operator', 'wallet_auditor', 'wallet_job'];
  v_database pg_database;
  v_is_open boolean;
  v_others text;
  v_statements text[] := '{}';
  v_function regprocedure;
  v_room int := current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - current_setting('reserved_connections')::int;
  v_login text;
  v_percent int;
begin
  select d.* into v_database from pg_database d where d.datname = current_database();
  v_is_open := exists (
    select from aclexplode(coalesce(v_database.datacl, acldefault('d', v_database.datdba))) a where a.grantee = 0);
  -- Another service in the same database must not be shut out: a role to which a schema or a table here belongs or is
  -- granted keeps what PUBLIC had.
  select string_agg(format('%I', r.rolname), ', ' order by r.rolname) into v_others
    from pg_roles r
    where r.rolname <> 'wallet_owner' and r.rolname <> all (c_roles) and r.oid <> v_database.datdba and r.oid >= 16384
      and not r.rolsuper
      and exists (
        select from pg_shdepend s left join pg_class c on s.classid = 'pg_class'::regclass and c.oid = s.objid
          where s.dbid = v_database.oid and s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid
            and (s.classid = 'pg_namespace'::regclass or c.relpersistence <> 't'));

  -- The database: nothing for PUBLIC, and CONNECT by name.
  v_statements := v_statements || array(
    select format('grant connect on database %I to %I', v_database.datname, r.rolname)
      from pg_roles r
      where r.rolname = any (c_roles) and not exists (
        select from aclexplode(v_database.datacl) a where a.grantee = r.oid and a.privilege_type = 'CONNECT')
      order by r.rolname);
  if v_is_open and v_others is not null then
    v_statements := v_statements || format('grant connect, temporary on database %I to %s',
      v_database.datname, v_others);
  end if;
  if v_is_open then
    v_statements := v_statements || format('revoke all on database %I from public', v_database.datname);
  end if;
  if pg_has_role(v_database.datdba, 'usage') then
    for i in 1 .. cardinality(v_statements) loop
      execute v_statements[i];
    end loop;
  elsif cardinality(v_statements) > 0 then
    raise warning 'database %: its owner, %, has to run: %', v_database.datname, v_database.datdba::regrole,
      array_to_string(v_statements, '; ');
  end if;

  -- The schema public, of which older databases let everybody make things.
  if has_schema_privilege('public', to_regnamespace('public'), 'create') then
    if pg_has_role((select n.nspowner from pg_namespace n where n.nspname = 'public'), 'usage') then
      revoke create on schema public from public;
    else
      raise warning 'schema public: its owner has to run: revoke create on schema public from public';
    end if;
  end if;

  -- Large objects: bytes that anybody could store. Those who have some already keep the functions.
  select string_agg(distinct format('%I', l.lomowner::regrole), ', ') into v_others from pg_largeobject_metadata l;
  for v_function in
    select p.oid::regprocedure
      from pg_proc p
      where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^(lo_|loread$|lowrite$)'
        and has_function_privilege('public', p.oid, 'execute')
  loop
    if not pg_has_role((select p.proowner from pg_proc p where p.oid = v_function), 'usage') then
      raise notice using message =
        'large objects stay open to every login of this database: only a superuser can revoke their functions';
      exit;
    end if;
    if v_others is not null then
      execute format('grant execute on function %s to %s', v_function, v_others);
    end if;
    execute format('revoke execute on function %s from public', v_function);
  end loop;

  -- How many connections a login may open, so that none takes those of the others. A number that an administrator has
  -- set stays.
  for v_login, v_percent in values ('wallet_gateway', 66), ('wallet_worker', 28) loop
    begin
      if exists (select from pg_roles r where r.rolname = v_login and r.rolconnlimit = -1) then
        execute format('alter role %I connection limit %s', v_login, greatest(v_room * v_percent / 100, 1));
      end if;
    exception
      when insufficient_privilege then
        raise warning 'login %: who may administer it has to run: alter role % connection limit %', v_login, v_login,
          greatest(v_room * v_percent / 100, 1);
    end;
  end loop;
end
$rights$;
