/** Puts a mutant into a migrated database. */
import { readFileSync } from 'node:fs';
import { applyEdits } from './edits.ts';
import type pg from 'pg';
import { MUTANTS, type SchemaMutant } from './mutants.ts';

const FUNCTIONS = new URL('../../functions/', import.meta.url);

/** All that a mutant may change of a schema, as text. */
const SCHEMA = `
  with spaces as (
    select oid from pg_namespace where nspname in ('ledger', 'ledger_private', 'gateway', 'webhook')
  ), objects (object) as (
    select concat_ws(' ', n.nspname, n.nspacl) from pg_namespace n where n.oid in (select oid from spaces)
    union all
    select concat_ws(' ', p.proowner::regrole, p.proacl, pg_get_functiondef(p.oid)) from pg_proc p where p.pronamespace in (select oid from spaces)
    union all
    select concat_ws(' ', c.oid::regclass, c.relacl, c.relrowsecurity, c.reloptions) from pg_class c where c.relnamespace in (select oid from spaces)
    union all
    select concat_ws(' ', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
      from pg_constraint c where c.connamespace in (select oid from spaces)
    union all
    select concat_ws(' ', t.tgrelid::regclass, t.tgenabled, pg_get_triggerdef(t.oid))
      from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace in (select oid from spaces)
    union all
    select concat_ws(' ', p.polrelid::regclass, p.polname, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid))
      from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace in (select oid from spaces)
  )
  select string_agg(object, E'\\n' order by object) as text from objects`;

/** The statements that make a mutant of the schema, as its owner. */
export function statementsOf({ edits = [], sql = '' }: SchemaMutant): string {
  const files = applyEdits(edits, (file) => readFileSync(new URL(`${file}.sql`, FUNCTIONS), 'utf8'));
  return [...files.values(), sql].join('\n');
}

/** Fails where the schema is afterwards what it was before. `on trial` leaves nothing of it. */
export async function applyMutant(
  client: pg.Client,
  mutant: string | SchemaMutant,
  how: 'for good' | 'on trial' = 'for good',
): Promise<void> {
  const found = typeof mutant === 'string' ? MUTANTS.find(({ name }) => name === mutant) : mutant;
  if (!found || 'prove' in found || 'sources' in found)
    throw new Error(`There is no such mutant of the schema: ${JSON.stringify(mutant)}`);
  const before = await schemaOf(client);
  await client.query('begin');
  try {
    await client.query(`set local role wallet_owner;\n${statementsOf(found)};\nreset role`);
    if ((await schemaOf(client)) === before) throw new Error(`"${found.name}" changes nothing`);
    await client.query(how === 'for good' ? 'commit' : 'rollback');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

async function schemaOf(client: pg.Client): Promise<string | undefined> {
  return (await client.query<{ text: string }>(SCHEMA)).rows[0]?.text;
}
