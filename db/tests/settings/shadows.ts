/** What an attacker, or chance, may put in front of PostgreSQL's own functions, operators and types. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Session } from '../helpers.ts';

const FUNCTIONS = new URL('../../functions/', import.meta.url);

/** All that is called in the files of the functions. */
function calledNames(): string[] {
  const files = readdirSync(FUNCTIONS, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.sql'));
  const texts = files.map((path) => readFileSync(new URL(path, FUNCTIONS), 'utf8'));
  return [
    ...new Set(texts.flatMap((text) => [...text.matchAll(/(?<![.\w])([a-z_0-9]+)\(/g)].map(([, name = '']) => name))),
  ];
}

/** A schema `hostile`: what has a name there fails when it is used. Whoever has it first in the search_path shows what a function leaves open. */
export async function createShadows(session: Session): Promise<void> {
  await session.query(shadows(calledNames()));
}

const shadows = (names: string[]): string => `create schema hostile;
grant usage on schema hostile to public;
do $do$
declare
  v record;
  v_number int := 0;
begin
  for v in select unnest(array['text', 'uuid', 'jsonb', 'bytea', 'xid8', 'timestamptz', 'regclass']) as name loop
    execute format('create domain hostile.%I as pg_catalog.%I check (false)', v.name, v.name);
  end loop;
  for v in
    select p.oid, p.proname, pg_get_function_identity_arguments(p.oid) as args, pg_get_function_result(p.oid) as result
      from pg_proc p
      where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any ('{${names.join(',')}}')
        and 'internal'::regtype <> all (p.proargtypes) and '"any"'::regtype <> all (p.proargtypes)
  loop
    begin
      execute format('create function hostile.%I(%s) returns %s language plpgsql as $f$ begin raise exception ''a shadow of %s''; end $f$',
        v.proname, v.args, v.result, v.proname);
      v_number := v_number + 1;
    exception when invalid_function_definition or duplicate_function or undefined_object or syntax_error or feature_not_supported then
      null;
    end;
  end loop;
  if v_number < 50 then
    raise exception 'only % shadows', v_number;
  end if;
  for v in
    select o.oprname, format_type(o.oprleft, null) as l, format_type(o.oprright, null) as r, format_type(o.oprresult, null) as result, o.oid
      from pg_operator o
      where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprleft <> 0
        and not exists (
          select from unnest(array[o.oprleft, o.oprright]) t
          where t <> all (array['int4', 'int8', 'numeric', 'text', 'uuid', 'timestamptz', 'interval', 'bytea', 'jsonb', 'xid8', 'bool',
            'anyarray', 'anyenum', 'record', 'anycompatiblearray', 'anycompatible']::regtype[]))
  loop
    execute format('create function hostile.operator_%s(%s, %s) returns %s language plpgsql as $f$ begin raise exception %L; end $f$',
      v.oid, v.l, v.r, v.result, 'a shadow of ' || replace(v.oprname, '%', '%%'));
    execute format('create operator hostile.%s (function = hostile.operator_%s, leftarg = %s, rightarg = %s)', v.oprname, v.oid, v.l, v.r);
  end loop;
end $do$`;
