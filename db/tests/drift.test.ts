/** The files of db/ equal the migrations: a database created from them directly is the same, and running them again changes nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { listSchema } from '../../src/dev/listing.ts';
import { expandNextMigration, expandWhole, NEXT, RELEASED } from '../../src/dev/next_migration.ts';
import { migrate } from '../../src/migrate/migrate.ts';
import { createDatabase, type Session } from './helpers.ts';
import { RELEASES } from './releases/releases.ts';

const DB = new URL('../', import.meta.url);
const MADE_WITHIN_MS = 120_000;
const filesOf = (folder: string): string[] =>
  readdirSync(new URL(folder, DB), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sql'))
    .map((path) => `${folder}${path}`)
    .sort();
const functions = filesOf('functions/');
const schema = filesOf('schema/');
const views = filesOf('views/');
const read = (path: string): string => readFileSync(new URL(path, DB), 'utf8');

interface Definition {
  name: string;
  definition: string;
  comment: string | null;
  owner: string;
  grants: string[];
}

const db = createDatabase();

async function definitions(session: Session): Promise<Definition[]> {
  const { rows } = await session.query<Definition>(
    `select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition, obj_description(p.oid, 'pg_proc') as comment,
       p.proowner::regrole::text as owner,
       array(select a.grantee::regrole || ' ' || a.privilege_type || ' by ' || a.grantor::regrole || a.is_grantable
         from aclexplode(p.proacl) a order by 1) as grants
     from pg_proc p where pronamespace::regnamespace::text in ('ledger', 'ledger_private', 'gateway', 'webhook') order by 1`,
  );
  return rows;
}

describe('running every function file over the migrated database', () => {
  it('changes no definition, comment, owner or grant', async () => {
    const session = await db.connect();
    const before = await definitions(session);

    await session.query('begin');
    await session.query('set local role wallet_owner');
    for (const file of functions) await session.query(read(file));
    const after = await definitions(session);
    await session.query('rollback');

    expect(functions.length).toBeGreaterThan(0);
    expect(after).toEqual(before);
  });
});

describe('the next migration', () => {
  const committed = new URL('migrations/committed/', DB);

  it('is what changed since the last release: after a change, run npm run migration', async () => {
    const expanded = await expandNextMigration();
    const names = readdirSync(committed).sort().slice(RELEASED);
    // Compares lines: the diff of the whole texts would be too long.
    const written = names.map((name) => readFileSync(new URL(name, committed), 'utf8')).join('');
    const lines = (expanded ?? '').split('\n');

    expect(RELEASES.at(-1)?.migrations).toHaveLength(RELEASED);
    expect(names).toEqual(expanded === undefined ? [] : [NEXT]);
    expect(written.split('\n').find((line, index) => line !== lines[index])).toBeUndefined();
    expect(written === (expanded ?? '')).toBe(true);
  });
});

describe('wallet.sql', () => {
  it('includes each file of the schema, the views and the functions once', async () => {
    const included = [...(await expandWhole()).matchAll(/^--! Included (\S+)$/gm)].map(([, path]) => path);

    expect(schema.length).toBeGreaterThan(10);
    expect(included.sort()).toEqual([...schema, ...views, ...functions].sort());
  });

  it(
    'creates the same database as the migrations',
    async () => {
      const name = `${db.name}_whole`;
      const url = db.url.replace(db.name, name);
      const folder = await mkdtemp(join(tmpdir(), 'wallet-whole-'));
      await db.query(`create database ${name}`);
      const session = new pg.Client({ connectionString: url });
      try {
        await mkdir(join(folder, 'committed'));
        await writeFile(join(folder, 'committed', '000001-wallet.sql'), await expandWhole());
        await writeFile(join(folder, 'current.sql'), '');
        await migrate(url, { migrationsFolder: folder });
        await session.connect();

        expect(await listSchema(session)).toBe(read('listing.txt'));
      } finally {
        await session.end();
        await rm(folder, { recursive: true, force: true });
        await db.query(`drop database ${name} with (force)`);
      }
    },
    MADE_WITHIN_MS,
  );
});

describe('db/listing.txt', () => {
  it('is the listing of the migrated database: after a change, run npm run schema', async () => {
    expect(await listSchema(await db.connect())).toBe(read('listing.txt'));
  });

  it('changes with each of these changes, and so shows it in review', async () => {
    const changes = [
      'alter table ledger.entries add column note text',
      "alter table ledger.entries alter column note set default 'none'",
      'alter table ledger.entries alter column note set storage external',
      'alter table ledger.entries alter column note set compression pglz',
      'alter table ledger.entries alter column note set not null',
      "comment on column ledger.entries.note is 'A note.'",
      'alter table ledger.entries add column twice bigint generated always as (amount * 2) stored',
      'alter table ledger.entries drop column twice',
      'alter table ledger.entries set (fillfactor = 80)',
      'alter table ledger.entries add constraint entries_note_is_short check (note < $$x$$) not valid',
      'alter table ledger.entries validate constraint entries_note_is_short',
      "comment on constraint entries_note_is_short on ledger.entries is 'Short.'",
      'alter table ledger.entries alter constraint entries_wallet_id_fkey enforced',
      'create index entries_note_idx on ledger.entries (note)',
      'create statistics ledger.entries_note_kind on note, kind from ledger.entries',
      'alter table ledger.entries disable trigger _200_append_only',
      'drop trigger _200_append_only on ledger.entries',
      'alter table ledger.entries force row level security',
      'alter policy auditors_see_all on ledger.entries using (amount > 0)',
      'drop policy auditors_see_all on ledger.entries',
      'alter table ledger.entries disable row level security',
      'grant select on ledger.blocks to wallet_player',
      'grant select (note) on ledger.entries to public',
      'revoke select on ledger.holds from wallet_service',
      'grant select on ledger.holds to wallet_service with grant option',
      'grant usage on schema ledger_private to wallet_gateway',
      'grant usage on type ledger.metric to wallet_job',
      'grant execute on function ledger_private.actor() to wallet_player',
      'alter function ledger_private.actor() security definer',
      "alter function ledger_private.actor() set work_mem = '1MB'",
      'alter function ledger_private.actor() owner to wallet_auditor',
      'alter table ledger.blocks owner to wallet_auditor',
      'alter default privileges for role wallet_owner grant select on tables to wallet_job',
      "alter type ledger.entry_side add value 'both'",
      'alter type ledger.receipt add attribute note text',
      'create domain ledger.short_text as text',
      'alter domain ledger.short_text add constraint short_text_is_short check (value < $$x$$)',
      'create view ledger.short as select 1 as one',
      'alter view ledger.short set (security_invoker = true)',
      'create or replace view ledger.short as select 2 as one',
      'alter table gateway.rate_limits set logged',
      'grant select on wallet_migrate.migrations to wallet_player',
    ];
    const session = await db.connect();
    const unseen: string[] = [];
    let before = await listSchema(session);
    for (const change of changes) {
      await session.query('set role none');
      if (/^(create|alter (type|domain|default))/.test(change)) await session.query('set role wallet_owner');
      await session.query(change);
      const after = await listSchema(session);
      if (after === before) unseen.push(change);
      before = after;
    }

    expect(unseen).toEqual([]);
  });
});
