-- The schema as the catalogue has it, as text, one fact a line and what belongs to one object in one block:
-- db/listing.txt is its answer on a migrated database. Bodies and comments of functions are left out: their files say
-- them, and a test compares these. So are the queue, which Graphile Worker makes, and how many connections a login may
-- open, which follows from the server. To be run with an empty search_path, so that every name is written with its
-- schema.
with
  ours as (
    select n.oid, n.nspname, n.nspowner, n.nspacl from pg_namespace n
    where n.nspowner = 'wallet_owner'::regrole and n.nspname <> 'wallet_queue'
  ),
  roles as (
    select r.* from pg_roles r where r.rolname ~ '^wallet_' and r.rolname !~ '^wallet_test_'
  ),
  relations as (
    select c.*, o.nspname || '.' || c.relname as name,
      case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'c'
        then 'type' else 'table' end as kind
    from pg_class c join ours o on o.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'c')
  ),
  -- Types that stand for themselves: no table's row type, no array.
  types as (
    select t.*, o.nspname || '.' || t.typname as name from pg_type t join ours o on o.oid = t.typnamespace
    left join pg_class c on c.oid = t.typrelid
    where t.typtype in ('e', 'd', 'r') or c.relkind = 'c'
  ),
  functions as (
    select p.*, o.nspname || '.' || p.proname || '(' || pg_get_function_arguments(p.oid) || ')' as name
    from pg_proc p join ours o on o.oid = p.pronamespace
  ),
  -- section, object, acl, owner: whatever privileges can be granted on.
  granted as (
    select 2 as section, nspname::text as object, 80 as part, '' as item, '  ' as lead,
      coalesce(nspacl, acldefault('n', nspowner)) as acl,
        nspowner as owner
      from ours
    union all
    select 3, name, 80, '', '  ', coalesce(typacl, acldefault('T', typowner)), typowner from types
    union all
    select 4, name, 80, '', '  ', coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char",
      relowner)), relowner
      from relations where relkind <> 'c'
    union all
    select 4, name, 10, to_char(attnum, 'FM0000') || ' 2', '    ', attacl, relowner
      from relations r join pg_attribute a on a.attrelid = r.oid and attnum > 0 where attacl is not null
    union all
    select 5, name, 80, '', '  ', coalesce(proacl, acldefault('f', proowner)), proowner from functions
    -- What others own, the migrations' own table for one, as far as it is open to our roles.
    union all
    select 7, 'schema ' || nspname, 80, '', '  ', nspacl, nspowner from pg_namespace
      where nspowner <> 'wallet_owner'::regrole and nspname !~ '^pg_'
    union all
    select 7, 'table ' || nspname || '.' || relname, 80, '', '  ', relacl, relowner
      from pg_class join pg_namespace n on n.oid = relnamespace
      where nspowner <> 'wallet_owner'::regrole and nspname !~ '^pg_|^information_schema$'
    union all
    select 7, 'table ' || nspname || '.' || relname, 80, attname, '  column ' || attname || ' ', attacl, relowner
      from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
      where nspowner <> 'wallet_owner'::regrole and nspname !~ '^pg_|^information_schema$'
  ),
  -- Whom each privilege has been granted to, without what every owner has.
  grants as (
    select section, object, part, item, lead, grantee, string_agg(privilege, ', ' order by privilege) as privileges
    from (
      select g.*, case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
        lower(a.privilege_type) || case when a.is_grantable then ' with grant option' else '' end as privilege
      from granted g cross join lateral aclexplode(g.acl) a
      where a.grantee <> g.owner
        and (g.section <> 7 or a.grantee in (select oid from roles))
    ) single
    group by section, object, part, item, lead, grantee
  ),
  lines (section, object, part, item, line) as (
    -- Roles
    -- ---------------------------------------------------------------------------------------------------------------
    select 1, rolname::text, 0, '', 'role ' || rolname
        || case when rolcanlogin then ' login' else ' nologin' end
        || case when rolinherit then ' inherit' else ' noinherit' end
        || case when rolsuper then ' superuser' else '' end
        || case when rolcreaterole then ' createrole' else '' end
        || case when rolcreatedb then ' createdb' else '' end
        || case when rolreplication then ' replication' else '' end
        || case when rolbypassrls then ' bypassrls' else '' end
      from roles
    union all
    select 1, rolname::text, 1, '', '  -- ' || shobj_description(oid, 'pg_authid') from roles
    union all
    select 1, r.rolname::text, 2, setting, '  set ' || setting
      from roles r join pg_db_role_setting s on s.setrole = r.oid cross join lateral unnest(s.setconfig) setting
      where s.setdatabase = 0
    union all
    select 1, r.rolname::text, 3, g.rolname, '  is a member of ' || g.rolname
        || case when m.inherit_option then ', inherits' else '' end
        || case when m.set_option then ', may become it' else '' end
        || case when m.admin_option then ', admits others' else '' end
      from pg_auth_members m join roles r on r.oid = m.member join roles g on g.oid = m.roleid
    -- Schemas
    -- -------------------------------------------------------------------------------------------------------------
    union all
    select 2, nspname::text, 0, '', 'schema ' || nspname from ours
    union all
    select 2, nspname::text, 1, '', '  -- ' || obj_description(oid, 'pg_namespace') from ours
    union all
    select 2, extname::text, 0, '', 'extension ' || extname from pg_extension
    -- Types
    -- ---------------------------------------------------------------------------------------------------------------
    union all
    select 3, name, 0, '', case typtype when 'd' then 'domain ' when 'e' then 'enum ' when 'r' then 'range '
      else 'type ' end || name
        || case when typtype = 'd' then ' as ' || format_type(typbasetype, typtypmod) else '' end
        || case when typtype = 'd' and typnotnull then ' not null' else '' end
        || coalesce(' default ' || typdefault, '')
        || case when typowner <> 'wallet_owner'::regrole then ' owner ' || typowner::regrole else '' end
      from types
    union all
    select 3, name, 1, '', '  -- ' || obj_description(oid, 'pg_type') from types
    union all
    select 3, t.name, 10, to_char(e.enumsortorder, 'FM0000.000'), '  ' || e.enumlabel from types t
      join pg_enum e on e.enumtypid = t.oid
    union all
    select 3, t.name, 10, c.conname, '  constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
      from types t join pg_constraint c on c.contypid = t.oid where c.contype <> 'n'
    -- Tables, views, sequences; attributes of composite types
    -- ---------------------------------------------------------------
    union all
    select 4, name, 0, '', case relpersistence when 'u' then 'unlogged ' when 't' then 'temporary ' else '' end || kind
      || ' ' || name
        || case when relowner <> 'wallet_owner'::regrole then ' owner ' || relowner::regrole else '' end
        || case when relkind = 'p' then ' partition by ' || pg_get_partkeydef(oid) else '' end
        || case when relispartition then ' partition ' || pg_get_expr(relpartbound, oid) else '' end
        || case when relreplident <> 'd' then ' replica identity ' || relreplident::text else '' end
        || case when reloptions <> '{}' then ' with (' || array_to_string(array(select unnest(reloptions) order by 1),
        ', ') || ')' else '' end
      from relations where relkind <> 'c'
    union all
    select 4, name, 1, '', '  -- ' || obj_description(oid, 'pg_class') from relations where relkind <> 'c'
    union all
    select 4, r.name, 2, '', '  toast with (' || array_to_string(array(select unnest(t.reloptions)
      order by 1), ', ') || ')'
      from relations r join pg_class t on t.oid = r.reltoastrelid where t.reloptions is not null
    union all
    select case relkind when 'c' then 3 else 4 end, r.name, 10, to_char(a.attnum, 'FM0000') || ' 0',
        case relkind when 'c' then '  ' else '  column ' end || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || case when a.attcollation <> t.typcollation then ' collate ' || a.attcollation::regcollation else '' end
        || case when a.attnotnull then ' not null' else '' end
        || case a.attgenerated
             when 's' then ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
             when 'v' then ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ')'
             else coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
           end
        || case a.attidentity when 'a' then ' generated always as identity' when 'd'
        then ' generated by default as identity' else '' end
        || case when a.attstorage <> t.typstorage and relkind in ('r', 'p', 'm') then ' storage '
        || a.attstorage::text else '' end
        || case when a.attcompression <> '' then ' compression ' || a.attcompression::text else '' end
        || coalesce(' statistics ' || a.attstattarget, '')
        || coalesce(' with (' || array_to_string(a.attoptions, ', ') || ')', '')
      from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
      join pg_type t on t.oid = a.atttypid
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    select case relkind when 'c' then 3 else 4 end, r.name, 10, to_char(a.attnum, 'FM0000') || ' 1', '    -- '
      || col_description(r.oid, a.attnum)
      from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    union all
    select 4, r.name, 20, c.contype::text || c.conname || ' 0', '  constraint ' || c.conname || ' '
      || pg_get_constraintdef(c.oid)
        || case when c.convalidated or not c.conenforced then '' else ' not valid' end
      from relations r join pg_constraint c on c.conrelid = r.oid where c.contype in ('p', 'u', 'c', 'f', 'x')
    union all
    select 4, r.name, 20, c.contype::text || c.conname || ' 1', '    -- ' || obj_description(c.oid, 'pg_constraint')
      from relations r join pg_constraint c on c.conrelid = r.oid where c.contype in ('p', 'u', 'c', 'f', 'x')
    union all
    select 4, r.name, 30, i.indexrelid::regclass::text, '  ' || regexp_replace(pg_get_indexdef(i.indexrelid),
      '^CREATE (UNIQUE )?INDEX', '\1INDEX')
        || case when i.indisvalid then '' else ' invalid' end
        || case when i.indisclustered then ' clustered' else '' end
      from relations r join pg_index i on i.indrelid = r.oid
      where not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
    union all
    select 4, r.name, 40, s.stxname, '  statistics ' || pg_get_statisticsobjdef(s.oid) from relations r
      join pg_statistic_ext s on s.stxrelid = r.oid
    union all
    select 4, r.name, 50, t.tgname, '  ' || regexp_replace(pg_get_triggerdef(t.oid), '^CREATE ', '')
        || case t.tgenabled when 'O' then '' when 'D' then ' disabled' when 'A' then ' enabled always'
        else ' enabled for replicas' end
      from relations r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
    union all
    select 4, name, 60, '', '  row level security'
        || case when relrowsecurity then '' else ' disabled' end
        || case when relforcerowsecurity then ', forced' else '' end
      from relations where relrowsecurity or relforcerowsecurity
    union all
    select 4, r.name, 61, p.polname, '  ' || case when p.polpermissive then 'policy ' else 'restrictive policy ' end
      || p.polname || ' for '
        || case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
        else 'all' end
        || ' to ' || array_to_string(array(
             select case role when 0 then 'public' else role::regrole::text end from unnest(p.polroles) role
               order by 1), ', ')
        || coalesce(' using ' || regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g'), '')
        || coalesce(' with check ' || regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g'), '')
      from relations r join pg_policy p on p.polrelid = r.oid
    union all
    select 4, name, 70, '', '  as ' || regexp_replace(pg_get_viewdef(oid), '\s+', ' ', 'g') from relations
      where relkind in ('v', 'm')
    union all
    select 4, r.name, 71, w.rulename, '  rule ' || pg_get_ruledef(w.oid)
      from relations r join pg_rewrite w on w.ev_class = r.oid where w.rulename <> '_RETURN'
    -- Functions
    -- -----------------------------------------------------------------------------------------------------------
    union all
    select 5, f.name, 0, '',
        case f.prokind when 'p' then 'procedure ' when 'a' then 'aggregate ' when 'w' then 'window function '
          else 'function ' end || f.name
        || coalesce(' returns ' || pg_get_function_result(f.oid), '')
        || case when f.proowner <> 'wallet_owner'::regrole then ' owner ' || f.proowner::regrole else '' end
      from functions f
    union all
    select 5, f.name, 1, '', '  ' || l.lanname
        || case f.provolatile when 'i' then ' immutable' when 's' then ' stable' else ' volatile' end
        || case when f.proisstrict then ' strict' else '' end
        || case when f.proleakproof then ' leakproof' else '' end
        || case f.proparallel when 's' then ' parallel safe' when 'r' then ' parallel restricted' else '' end
        || case when f.prosecdef then ' security definer' else '' end
        || coalesce(' set ' || array_to_string(f.proconfig, ' set '), '')
      from functions f join pg_language l on l.oid = f.prolang
    -- Privileges
    -- ----------------------------------------------------------------------------------------------------------
    union all
    select 6, d.defaclrole::regrole::text || coalesce(n.nspname, '') || d.defaclobjtype::text, 0, '',
        'default privileges of ' || d.defaclrole::regrole || coalesce(' in ' || n.nspname, '') || ' on '
        || case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
        when 'T' then 'types'
             when 'n' then 'schemas'
             else d.defaclobjtype::text end
        || ': ' || coalesce(
          (select string_agg(case a.grantee when 0 then 'public' else a.grantee::regrole::text end || ' '
            || lower(a.privilege_type), ', ' order by 1)
           from aclexplode(d.defaclacl) a),
          'none')
      from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
      where d.defaclrole in (select oid from roles)
    union all
    select distinct 7, object, 0, '', object || ', which is another''s' from grants where section = 7
    union all
    select section, object, part, item || privileges,
        lead || 'grant ' || privileges || ' to ' || string_agg(grantee, ', ' order by grantee collate "C")
      from grants group by section, object, part, item, lead, privileges
  )
select case part when 0 then E'\n' else '' end || replace(line, E'\n', E'\n' || substring(line
  from '^ *(?:-- )?')) as line
from lines where line is not null
order by section, object collate "C", part, item collate "C", line collate "C"
