import { readdirSync } from 'node:fs';
import pg from 'pg';
import { createDatabase, expectSound, type Session, someAsset } from './helpers.ts';
import {
  countRows,
  goodValue,
  HOSTILE,
  isLegal,
  isStored,
  nameOf,
  newScene,
  type Scene,
  type Value,
} from './hostile.ts';

const db = createDatabase();

/** All SQL functions except computed columns, which take a row. Another test compares the files with the functions. */
const FUNCTIONS = readdirSync(new URL('../functions/ledger/', import.meta.url))
  .map((file) => file.replace('.sql', ''))
  .filter((name) => !/^(assets|blocks|entries|holds|transfers|wallets)_(?!page$)/.test(name));
const REFUSALS = /^WL(AMT|ARG|SLF|NOW|NOA|NOH|NOT|AST|KEY|FRZ|CLS|HLD|REV|LIM|FND)$/;
/** PostgreSQL refuses a value that its type cannot represent before it calls the function. */
const UNREADABLE = /^(22P02|22003|22007|22008|22009|22021|22023|22P05|54001)$/;
/** What would help an attacker or nobody: source code, paths, database internals. */
const INSIDES = /ledger_private|plpgsql|\bselect\b.*\bfrom\b|\.sql\b|\.ts\b|\/(?:tmp|usr|home|work)\//i;
/** Kinds for operators only. */
const RESERVED: Value[] = ['reversal', 'opening', 'adjustment', 'collection', 'forgiveness', 'merge'];
interface Argument {
  name: string;
  type: string;
  nullable: boolean;
}

/** A function as it is called: a batch of one request is called with that request's fields. */
interface Signature {
  name: string;
  isReading: boolean;
  session: Session;
  args: Argument[];
  sql: string;
}

interface Outcome {
  code?: string;
  message?: string;
  shown?: string;
  row?: Record<string, unknown>;
}

const ROLES = { wallet_job: 'job', wallet_operator: 'operator', wallet_auditor: 'auditor' } as const;

/** Reads the catalogue, so that new functions are tested automatically, and uses a role that may call the function. */
async function signatureOf(name: string): Promise<Signature> {
  const {
    rows: [found],
  } = await db.query<{ isReading: boolean; role: keyof typeof ROLES; isBatch: boolean; args: Argument[] }>(
    `select p.provolatile <> 'v' as "isReading", b.batch as "isBatch",
       (select r from unnest($2::text[]) r where has_function_privilege(r, p.oid, 'execute') limit 1) as role,
       case when b.batch then (
         select json_agg(json_build_object('name', attname, 'type', format_type(atttypid, null),
             'nullable', attname not in ('kind', 'wallet_id', 'amount', 'idem_key')) order by attnum)
           from pg_attribute where attrelid = 'ledger.wallet_request'::regclass and attnum > 0
       ) else (
         select coalesce(json_agg(json_build_object('name', p.proargnames[n], 'type', format_type(t, null),
             'nullable', coalesce(pg_get_function_arg_default(p.oid, n::int) like 'NULL%', false)) order by n), '[]')
           from unnest(p.proargtypes::oid[]) with ordinality as a (t, n)
       ) end as args
     from pg_proc p, lateral (select p.proargtypes[0] = 'ledger.wallet_request[]'::regtype as batch) b
     where p.pronamespace = 'ledger'::regnamespace and p.proname = $1`,
    [name, Object.keys(ROLES)],
  );
  if (!found) throw new Error(`no function ${name}`);
  const { args, isBatch, isReading } = found;
  const columns = name === 'wallet_post_each' ? '(r.receipt).*, to_jsonb(r.refusal) as refusal' : '*';
  // Functions for administrators only are tested as a superuser.
  const role = (ROLES as Partial<typeof ROLES>)[found.role];
  const session =
    role === undefined ? await db.connect() : role === 'job' ? await db.connectJob() : await db.connectAs(role);
  const places = args.map(({ type }, index) => `$${index + 1}::${type}`);
  const list = isBatch
    ? `array[row(${places.join(', ')})::ledger.wallet_request]`
    : args.map((arg, index) => `"${arg.name}" => ${places[index] ?? ''}`).join(', ');
  return { name, isReading, session, args, sql: `select ${columns} from ledger.${name}(${list}) r` };
}

async function goodValues(scene: Scene, { name, args }: Signature): Promise<Value[]> {
  const values: Value[] = [];
  for (const arg of args) values.push(await goodValue(db, scene, name, arg.name, arg.type));
  return values;
}

async function attempt(session: Session, sql: string, values: Value[]): Promise<Outcome> {
  try {
    const { rows } = await session.query<Record<string, unknown>>(sql, values);
    const [row = {}] = rows;
    const refused = row.refusal as { code: string; message: string; detail: object; hint: string } | null | undefined;
    if (!refused) return { row };
    const { code, message, detail, hint } = refused;
    return { code, message, shown: `${message}\n${JSON.stringify(detail)}\n${hint}` };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { code = '', message, detail = '', hint = '' } = error;
    return { code, message, shown: `${message}\n${detail}\n${hint}` };
  }
}

/** What is wrong with a refusal; undefined if nothing is. */
function faultOf({ code = '', shown = '' }: Outcome): string | undefined {
  if (UNREADABLE.test(code)) return undefined;
  if (!REFUSALS.test(code)) return `refused with ${code}: ${shown.slice(0, 100)}`;
  if (INSIDES.test(shown)) return `shows its insides: ${shown.slice(0, 200)}`;
  if (shown.length > 2000) return `answers ${shown.length} characters`;
  const [, detail = '', hint = ''] = shown.split('\n');
  if (!detail.startsWith('{') || hint === '') return `has no detail or no hint: ${shown}`;
  return undefined;
}

/** Runs `work` in a transaction that is rolled back. */
async function undone<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query('begin');
  try {
    return await work();
  } finally {
    await session.query('rollback');
  }
}

/** What is wrong with the handling of a valid value. */
async function faultOfTaken(
  { session, sql }: Signature,
  values: Value[],
  index: number,
  arg: Argument,
): Promise<string | undefined> {
  const { code, message = '', row = {} } = await attempt(session, sql, values);
  if (code !== undefined) return `not taken: ${code} ${message.slice(0, 100)}`;
  // The calling role may not see everything that it writes.
  await session.query('reset role; reset session authorization');
  if (!(await isStored(session, arg, values[index] ?? null))) return 'not stored as it was sent';
  if ('replayed' in row && (await attempt(session, sql, values)).row?.replayed !== true) return 'not recognised again';
  return undefined;
}

async function faultOfValue(
  signature: Signature,
  good: Value[],
  index: number,
  arg: Argument,
  value: Value,
): Promise<string | undefined> {
  const { session, sql, isReading } = signature;
  const values = good.with(index, value);
  const legal = isReading ? undefined : isLegal(arg.name, value, arg.nullable);
  if (legal) return undone(session, () => faultOfTaken(signature, values, index, arg));
  const outcome =
    legal === false ? await attempt(session, sql, values) : await undone(session, () => attempt(session, sql, values));
  // A kind that the caller may not book.
  if (arg.name === 'kind' && RESERVED.includes(value) && outcome.code === '42501') return undefined;
  if (outcome.code !== undefined) return faultOf(outcome);
  return legal === false ? 'taken' : undefined;
}

describe('a hostile value', () => {
  it.each(FUNCTIONS)(
    'in any argument of %s is refused by name and leaves no row, or is used literally',
    async (name) => {
      const scene = await newScene(db, await someAsset(db));
      const signature = await signatureOf(name);
      const good = await goodValues(scene, signature);
      expect(await undone(signature.session, () => attempt(signature.session, signature.sql, good))).toEqual({
        row: expect.anything() as object,
      });
      const before = await countRows(db);
      const faults: string[] = [];

      for (const [index, arg] of signature.args.entries()) {
        const values = HOSTILE[arg.type];
        if (!values) throw new Error(`no hostile values of the type ${arg.type}`);
        for (const value of values) {
          const fault = await faultOfValue(signature, good, index, arg, value);
          if (fault !== undefined) faults.push(`${arg.name} = ${nameOf(value)}: ${fault}`);
        }
      }

      expect(faults).toEqual([]);
      expect(await countRows(db)).toEqual(before);
    },
  );

  it('leaves the ledger sound', () => expectSound(db));
});
