/** What is looked at before a database is migrated: each trouble is one line that says what to do, and nothing has been written yet. */
import type pg from 'pg';
import { ConfigError } from '../config.ts';
import { OTHER_LEDGER } from './migrations.ts';

/** The schemas of the service: each belongs to wallet_owner, and so does all that is in them. */
const SCHEMAS = ['ledger', 'ledger_private', 'gateway', 'webhook', 'wallet_queue', 'wallet_migrate'];
const ROLES = [
  'wallet_owner',
  'wallet_player',
  'wallet_service',
  'wallet_operator',
  'wallet_auditor',
  'wallet_job',
  'wallet_gateway',
  'wallet_worker',
];

interface Login {
  login: string;
  database: string;
  isSuperuser: boolean;
  mayCreateRoles: boolean;
  mayCreateSchemas: boolean;
  recovers: boolean;
  /** Roles of the service that are not there. */
  missing: string[];
  /** Roles of the service that are there, but not this login's to grant. */
  foreign: string[];
  ownerMayLogIn: boolean;
}

const LOGIN = `
select current_user as login, current_database() as database, l.rolsuper as "isSuperuser", l.rolcreaterole as "mayCreateRoles",
  has_database_privilege(current_database(), 'create') as "mayCreateSchemas", pg_is_in_recovery() as recovers,
  array(select name from unnest($1::text[]) name where to_regrole(name) is null) as missing,
  array(select rolname::text from pg_roles
    where rolname = any ($1) and not pg_has_role(current_user, oid, 'member with admin option') order by 1) as foreign,
  exists (select from pg_roles where rolname = 'wallet_owner' and rolcanlogin) as "ownerMayLogIn"
from pg_roles l where l.rolname = current_user`;

/** Objects that are neither the owner's nor a superuser's, of every class that has a schema; and what triggers of the owner's tables run. */
const FOREIGN_OBJECTS = `
with spaces as (
  select oid, nspname, nspowner from pg_namespace where nspname = any ($1::text[])
), objects (class, oid, space, owner) as (
  select 'pg_class'::regclass, oid, relnamespace, relowner from pg_class
  union all select 'pg_proc'::regclass, oid, pronamespace, proowner from pg_proc
  union all select 'pg_type'::regclass, oid, typnamespace, typowner from pg_type
  union all select 'pg_operator'::regclass, oid, oprnamespace, oprowner from pg_operator
  union all select 'pg_opclass'::regclass, oid, opcnamespace, opcowner from pg_opclass
  union all select 'pg_opfamily'::regclass, oid, opfnamespace, opfowner from pg_opfamily
  union all select 'pg_collation'::regclass, oid, collnamespace, collowner from pg_collation
  union all select 'pg_conversion'::regclass, oid, connamespace, conowner from pg_conversion
  union all select 'pg_statistic_ext'::regclass, oid, stxnamespace, stxowner from pg_statistic_ext
  union all select 'pg_ts_config'::regclass, oid, cfgnamespace, cfgowner from pg_ts_config
  union all select 'pg_ts_dict'::regclass, oid, dictnamespace, dictowner from pg_ts_dict
  union all select 'pg_proc'::regclass, p.oid, c.relnamespace, p.proowner
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
), foreigners as (
  select 0 as place, format('schema %I', nspname) as what, nspowner as owner from spaces
    where nspowner is distinct from to_regrole('wallet_owner')
  union all
  select 1, pg_describe_object(o.class, o.oid, 0), o.owner from objects o join spaces s on s.oid = o.space
    where o.owner is distinct from to_regrole('wallet_owner') and not (select rolsuper from pg_roles r where r.oid = o.owner)
)
select what, pg_get_userbyid(owner) as owner from foreigners order by place, what limit 1`;

/** A function that was made in a restore without its privileges is everybody's to call. */
const PUBLIC_FUNCTION = `
select p.oid::regprocedure::text as name
from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
where p.pronamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_private')) and a.grantee = 0
order by 1 limit 1`;

/** Refuses what would fail half way, or would run what is not the owner's with the rights of this login. */
export async function checkDatabase(client: pg.Client): Promise<void> {
  const { rows } = await client.query<Login>(LOGIN, [ROLES]);
  const [login] = rows;
  if (!login) throw new ConfigError('The login of DATABASE_URL is not there any more');
  const trouble = troubleWith(login) ?? (await troubleInside(client));
  if (trouble !== undefined) throw new ConfigError(trouble);
}

function troubleWith(found: Login): string | undefined {
  const { login, database, missing, foreign } = found;
  if (found.recovers) return 'The server at DATABASE_URL is a standby: migrate the primary';
  if (found.ownerMayLogIn) return 'wallet_owner may log in, and everything is its own: alter role wallet_owner nologin';
  if (found.isSuperuser) return undefined;
  if (missing.length > 0 && !found.mayCreateRoles) {
    return `The login ${login} may not create the roles ${missing.join(', ')}: alter role ${login} createrole, or migrate as an administrator`;
  }
  if (foreign.length > 0) {
    return `The login ${login} may not administer the service's roles: let the administrator who made them run grant ${foreign.join(', ')} to ${login} with admin option`;
  }
  if (!found.mayCreateSchemas) {
    return `The login ${login} may not create schemas: let the owner of the database run grant create on database ${database} to ${login}`;
  }
  return undefined;
}

async function troubleInside(client: pg.Client): Promise<string | undefined> {
  const foreign = await client.query<{ what: string; owner: string }>(FOREIGN_OBJECTS, [SCHEMAS]);
  const [object] = foreign.rows;
  if (object) {
    return `The ${object.what} belongs to ${object.owner}, not to wallet_owner: if this was restored, restore it with owners and privileges (without --no-owner and --no-acl); otherwise rename it, drop it, or use another database`;
  }
  const { rows } = await client.query<{ name: string }>(PUBLIC_FUNCTION);
  if (rows[0]) {
    return `Everybody may call ${rows[0].name}: restore with privileges (without --no-acl), or revoke execute on all functions in schema ledger, ledger_private from public`;
  }
  const { rows: half } = await client.query<{ isUnrecorded: boolean }>(
    `select to_regnamespace('ledger') is not null and to_regclass('wallet_migrate.migrations') is null as "isUnrecorded"`,
  );
  if (half[0]?.isUnrecorded === true) {
    return OTHER_LEDGER;
  }
  return undefined;
}
