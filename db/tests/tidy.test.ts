/** Style as a test: the files of db/ against each other and against the catalogue. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createDatabase } from './helpers.ts';

const DB = new URL('../', import.meta.url);
const SCHEMAS = ['ledger', 'ledger_private', 'gateway', 'webhook'];
const MAX_LINE = 120;
const MAX_TEST_LINE = 150;
/** Files with lines that are longer still. The list only shrinks. */
const LONGER: string[] = [];
const MAX_BODY_LINES = 70;
const KEYWORDS =
  /\b(SELECT|FROM|WHERE|INSERT|INTO|UPDATE|DELETE|VALUES|CREATE|ALTER|DROP|TABLE|FUNCTION|RETURNS|BEGIN|END|IF|CASE|AND|OR|NOT|NULL|GRANT|AS|IS)\b/;

const read = (path: string): string => readFileSync(new URL(path, DB), 'utf8');
const list = (folder: string, pattern: RegExp): string[] =>
  readdirSync(new URL(folder, DB), { recursive: true, encoding: 'utf8' })
    .filter((path) => pattern.test(path))
    .map((path) => `${folder}${path}`);

const functionFiles = SCHEMAS.flatMap((schema) => list(`functions/${schema}/`, /\.sql$/));
/** The schema and the name of the function that a file is of: a private one lies in a room, which is no part of its name. */
const nameOf = (path: string): string =>
  path.replace(/^functions\/([a-z_]+)\/(?:[a-z_]+\/)?([a-z_0-9]+)\.sql$/, '$1.$2');
const committed = list('migrations/committed/', /\.sql$/);
const schemaFiles = [...list('schema/', /./), ...list('views/', /./)];
const sqlFiles = [
  ...functionFiles,
  ...schemaFiles,
  'wallet.sql',
  'upgrade.sql',
  'listing.sql',
  'migrations/current.sql',
];
/** What is left of SQL without comments and texts, line by line. */
const codeOf = (sql: string): string[] =>
  sql
    .replace(/^comment on [^;]*? is\s+(\$\$[\s\S]*?\$\$|'(?:[^']|'')*');/gm, (text) => text.replace(/[^\n]/g, ''))
    .replace(/--.*$/gm, '')
    .replace(/'(?:[^'\n]|'')*'/g, "''")
    .split('\n');

const db = createDatabase();
const rowsOf = async (sql: string): Promise<Record<string, unknown>[]> => (await db.query(sql)).rows;
const IN_SCHEMAS =
  "in ('ledger'::regnamespace, 'ledger_private'::regnamespace, 'gateway'::regnamespace, 'webhook'::regnamespace)";
const SHOWN = "in ('ledger'::regnamespace, 'webhook'::regnamespace)";

describe('the files of the functions', () => {
  it('are one for each function, by its name', async () => {
    const functions = await rowsOf(
      `select pronamespace::regnamespace || '.' || proname as name from pg_proc where pronamespace ${IN_SCHEMAS}`,
    );

    expect(functionFiles.map(nameOf).sort()).toEqual(functions.map(({ name }) => name).sort());
  });

  it.each(functionFiles)('%s holds that function alone, with its comment and its grants', (path) => {
    const sql = read(path);
    const name = nameOf(path);
    const starts = (pattern: string) => [...sql.matchAll(new RegExp(`^${pattern}`, 'gm'))].map((match) => match[1]);

    expect(starts('create or replace function ([a-z_0-9.]+)\\(')).toEqual([name]);
    expect(starts('comment on function ([a-z_0-9.]+)\\b')).toEqual([name]);
    expect(starts('grant execute on function ([a-z_0-9.]+)\\b').every((granted) => granted === name)).toBe(true);
    expect(sql).toMatch(/^(immutable|stable|volatile|returns trigger)$/m);
  });

  it('lie in the folder of their schema, the private ones in a room of it, and nothing else does', () => {
    const entries = SCHEMAS.flatMap((schema) =>
      readdirSync(new URL(`functions/${schema}/`, DB), { recursive: true, withFileTypes: true }).map(
        ({ parentPath, name }) => `${parentPath.slice(parentPath.indexOf('functions/')).replace(/\/$/, '')}/${name}`,
      ),
    );
    const rooms = entries.filter((path) => /^functions\/ledger_private\/[a-z_]+$/.test(path));

    expect(rooms.length).toBeGreaterThan(10);
    for (const room of rooms)
      expect([room, functionFiles.some((path) => path.startsWith(`${room}/`))]).toEqual([room, true]);
    expect(
      entries.filter(
        (path) =>
          !rooms.includes(path) &&
          !/^functions\/(ledger_private\/[a-z_]+|ledger|gateway|webhook)\/[a-z_0-9]+\.sql$/.test(path),
      ),
    ).toEqual([]);
  });

  it('are each included in a migration', () => {
    const migrations = [...committed, 'migrations/current.sql'].map(read).join('\n');
    const included = [...migrations.matchAll(/^--! ?[Ii]nclude[d]? (\S+\.sql)$/gm)].map((match) => match[1] ?? '');

    expect([...new Set(included)].sort()).toEqual(expect.arrayContaining([...functionFiles].sort()));
  });

  it('are reached through a link beside the migrations, where nothing else lies', () => {
    expect(read('migrations/fixtures/functions/ledger/wallet_id.sql')).toBe(read('functions/ledger/wallet_id.sql'));
    expect(readdirSync(new URL('migrations/', DB)).sort()).toEqual(['committed', 'current.sql', 'fixtures']);
  });

  it('make each refusal in one place', () => {
    const made = functionFiles.flatMap((path) =>
      [...new Set(read(path).match(/'WL[A-Z]{3}'/g))].map((code) => ({ code, path })),
    );
    const codes = made.map(({ code }) => code);

    expect(codes.length).toBeGreaterThan(10);
    expect(made.filter(({ code }) => codes.indexOf(code) !== codes.lastIndexOf(code))).toEqual([]);
    expect(made.filter(({ path }) => !path.startsWith('functions/ledger_private/refusals/'))).toEqual([]);
  });

  it('of the schema ledger have a test each', () => {
    const untested = functionFiles
      .filter((path) => path.startsWith('functions/ledger/'))
      .map((path) => path.replace('functions/', 'tests/').replace(/\.sql$/, '.test.ts'))
      .filter((path) => !existsSync(new URL(path, DB)));

    expect(untested).toEqual([]);
  });
});

describe('the files of the schema', () => {
  const DEFINING =
    /^ *(create (?:unlogged |unique )?(?:table|type|domain|index|view|policy|trigger|schema|sequence)|alter table)\b/m;

  it('alone define what is no function', () => {
    expect(schemaFiles.length).toBeGreaterThan(10);
    expect(schemaFiles.filter((path) => /^ *create (or replace )?(function|procedure)\b/m.test(read(path)))).toEqual(
      [],
    );
    expect([...functionFiles, 'wallet.sql'].filter((path) => DEFINING.test(codeOf(read(path)).join('\n')))).toEqual([]);
  });

  it('say nothing twice', () => {
    const said = schemaFiles.flatMap((path) =>
      [...read(path).matchAll(/^(comment on [^;]*?) is\s|^(grant [^;]*? on [^;]*?) to /gm)].map(
        ([, comment, grant]) => comment ?? grant,
      ),
    );

    expect(said.length).toBeGreaterThan(100);
    expect(said.filter((what, index) => said.indexOf(what) !== index)).toEqual([]);
  });

  it('begin by saying what they are about', () => {
    expect([...schemaFiles, 'wallet.sql', 'listing.sql'].filter((path) => !/^-- [A-Z]/.test(read(path)))).toEqual([]);
  });
});

describe('what a function does, in every session,', () => {
  /** Assignments to an element of an array or to a field, other than of values that have a type of their own. */
  const throughText = (sql: string): string[] => {
    const records = [...sql.matchAll(/^\s+(\w+) record;/gm)].map(([, name = '']) => name);
    return [...sql.matchAll(/^\s*(\w+(?:\[[^;]*\]|\.)[^;]*?)\s*:=\s*([^;]*);/gm)]
      .filter(([, target = '', value = '']) => {
        const isRow =
          /^(?:case\b[^;]*\b(?:then|else)\s+)?\(*row\s*\(/.test(value) && !/\)::[a-z_]+\.[a-z_]+$/.test(value);
        return !target.includes(':=') && (isRow || records.includes(value));
      })
      .map(([assignment]) => assignment.trim());
  };

  it.each([
    ['  v_lots[1] := row(1, now());', 1],
    ['  v_lots[cardinality(v_lots) + 1] :=\n    row(1,\n now());', 1],
    ['  v_plan.lot := row(1, now());', 1],
    ['  v_lots[1] := case when v_one then row(1) else row(2) end;', 1],
    ['  v_due record;\nbegin\n  v_lots[1] := v_due;', 1],
    ['  v_lots[1] := row(1, now())::ledger.bonus_lots;', 0],
    ['  v_lots[1] := v_lot;', 0],
    ['  v_lot := row(1, now());', 0],
    ['  v_hashes[1] := ledger_private.entry_hash(row(1));', 0],
  ])('the rule for assignments finds in %j %i', (sql, found) => {
    expect(throughText(sql)).toHaveLength(found);
  });

  it.each(functionFiles)('no assignment in %s goes through text: an uncast row in an array or a field does', (path) => {
    expect(throughText(codeOf(read(path)).join('\n'))).toEqual([]);
  });

  it.each(functionFiles)(
    'no literal in %s has a backslash, which standard_conforming_strings decides about',
    (path) => {
      const sql = read(path).replace(/^comment on [^;]*? is\s+(\$\$[\s\S]*?\$\$|'(?:[^']|'')*');/gm, '');

      expect([...sql.matchAll(/(?<!E)'(?:[^'\n]|'')*\\(?:[^'\n]|'')*'/g)].map(([literal]) => literal)).toEqual([]);
    },
  );

  it('means the same names: each that callers reach has its path pinned, or its body bound with all that it calls', async () => {
    const open = await rowsOf(`
      with recursive reached (oid) as (
        select oid from pg_proc where pronamespace = 'ledger'::regnamespace
        union
        -- Of a bound body, all that it calls is known; a pinned path holds for what is called too.
        select d.refobjid from reached r join pg_proc p on p.oid = r.oid
          join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = r.oid and d.refclassid = 'pg_proc'::regclass
          where p.prosqlbody is not null
      )
      select oid::regprocedure as name from pg_proc p join reached r using (oid)
        where p.pronamespace ${IN_SCHEMAS} and p.prosqlbody is null
          and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)`);

    expect(open).toEqual([]);
  });

  it("means PostgreSQL's own functions, operators and types, and the ledger's: nothing else is bound", async () => {
    expect(
      await rowsOf(`select distinct pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) as name
        from pg_depend d
        left join pg_proc p on d.refclassid = 'pg_proc'::regclass and p.oid = d.refobjid
        left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
        left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid
        where coalesce(p.pronamespace, o.oprnamespace, t.typnamespace) not in
            ('ledger'::regnamespace, 'ledger_private'::regnamespace, 'pg_catalog'::regnamespace)
          and (pg_identify_object(d.classid, d.objid, d.objsubid)).schema in ('ledger', 'ledger_private')`),
    ).toEqual([]);
  });
});

describe('an include line', () => {
  it.each([...sqlFiles, ...committed])('of %s is not indented, which would make it a comment', (path) => {
    expect(read(path)).not.toMatch(/^[ \t]+--!/m);
  });
});

describe('a line', () => {
  // A smart tag is one line.
  const longOf = (path: string, most: number): string[] =>
    read(path)
      .split('\n')
      .filter((line) => line.length > most && !/^(\$\$)?@\w/.test(line));

  it.each([...sqlFiles, ...list('tests/', /\.ts$/)])('of %s has no tab and nothing at its end', (path) => {
    expect(
      read(path)
        .split('\n')
        .filter((line) => /\t|\s$/.test(line)),
    ).toEqual([]);
    expect(read(path)).toMatch(/[^\n]\n$/);
  });

  it(`of SQL has at most ${MAX_LINE} characters, but in the files that are named`, () => {
    expect(sqlFiles.filter((path) => longOf(path, MAX_LINE).length > 0).sort()).toEqual(LONGER);
  });

  it.each([...LONGER, ...list('tests/', /\.ts$/)])(`of %s has at most ${MAX_TEST_LINE} characters`, (path) => {
    expect(longOf(path, MAX_TEST_LINE)).toEqual([]);
  });

  it.each(sqlFiles)('of %s has its keywords in lower case', (path) => {
    expect(codeOf(read(path)).filter((line) => KEYWORDS.test(line))).toEqual([]);
  });
});

describe('the catalogue', () => {
  it('has no function twice under one name', async () => {
    expect(
      await rowsOf(
        `select proname from pg_proc where pronamespace ${IN_SCHEMAS} group by pronamespace, proname having count(*) > 1`,
      ),
    ).toEqual([]);
  });

  it('calls check_ and refuse what ends the call and returns nothing, and a rule what returns its refusal', async () => {
    const rules = functionFiles
      .filter((path) => path.startsWith('functions/ledger_private/refusals/'))
      .map((path) => nameOf(path).replace('ledger_private.', ''))
      .filter((name) => !/^(check_|refuse|is_)/.test(name));

    expect(rules.length).toBeGreaterThan(5);
    expect(
      await rowsOf(`select oid::regprocedure as name, prorettype::regtype as returns from pg_proc
        where pronamespace ${IN_SCHEMAS} and proname ~ '^(check_|refuse)' and prorettype <> 'void'::regtype
      union all select oid::regprocedure, prorettype::regtype from pg_proc
        where pronamespace ${IN_SCHEMAS}
          and (proname in ('${rules.join("', '")}')) <> (prorettype = 'ledger.refusal'::regtype)`),
    ).toEqual([]);
  });

  it('explains every function', async () => {
    expect(
      await rowsOf(`select oid::regprocedure as name from pg_proc
      where pronamespace ${IN_SCHEMAS} and coalesce(obj_description(oid, 'pg_proc'), '') = ''`),
    ).toEqual([]);
  });

  it('explains the schemas and every table and type of those that callers see', async () => {
    expect(
      await rowsOf(`select nspname as name from pg_namespace
        where nspname in ('${SCHEMAS.join("', '")}') and obj_description(oid, 'pg_namespace') is null
      union all select relname from pg_class
        where relnamespace ${SHOWN} and relkind in ('r', 'v', 'm', 'p') and obj_description(oid, 'pg_class') is null
      union all select t.typname from pg_type t left join pg_class c on c.oid = t.typrelid
        where t.typnamespace ${SHOWN} and (t.typtype in ('e', 'd') or c.relkind = 'c')
          and obj_description(t.oid, 'pg_type') is null`),
    ).toEqual([]);
  });

  it('explains every column of a table and every attribute of a composite type there', async () => {
    expect(
      await rowsOf(`select c.relname as relation, a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace ${SHOWN} and c.relkind in ('r', 'v', 'm', 'p', 'c') and a.attnum > 0 and not a.attisdropped
        and coalesce(col_description(c.oid, a.attnum), '') = ''`),
    ).toEqual([]);
  });

  it('pins the search_path of every function with the rights of its owner', async () => {
    expect(
      await rowsOf(`select oid::regprocedure as name, proconfig from pg_proc
      where pronamespace ${IN_SCHEMAS} and prosecdef and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)`),
    ).toEqual([]);
  });

  it('gives no helper the rights of its owner', async () => {
    expect(
      await rowsOf(
        "select oid::regprocedure as name from pg_proc where pronamespace = 'ledger_private'::regnamespace and prosecdef",
      ),
    ).toEqual([]);
  });

  it('lets the public execute nothing', async () => {
    expect(
      await rowsOf(
        `select oid::regprocedure as name from pg_proc where pronamespace ${IN_SCHEMAS} and has_function_privilege('public', oid, 'execute')`,
      ),
    ).toEqual([]);
  });

  it.each(SCHEMAS)('lets the public execute nothing that the owner makes later in %s', async (schema) => {
    const client = await db.connect();
    await client.query(`begin; set local role wallet_owner;
      create function ${schema}.made_later() returns int language sql return 1`);

    expect(
      (await client.query(`select has_function_privilege('public', '${schema}.made_later()', 'execute') as open`)).rows,
    ).toEqual([{ open: false }]);
    await client.query('rollback');
  });

  it("makes everything the owner role's", async () => {
    expect(
      await rowsOf(`select oid::regprocedure::text as name from pg_proc where pronamespace ${IN_SCHEMAS} and proowner <> 'wallet_owner'::regrole
      union all select oid::regclass::text from pg_class where relnamespace ${IN_SCHEMAS} and relowner <> 'wallet_owner'::regrole
      union all select oid::regtype::text from pg_type where typnamespace ${IN_SCHEMAS} and typowner <> 'wallet_owner'::regrole
      union all select nspname from pg_namespace where nspname in ('${SCHEMAS.join("', '")}') and nspowner <> 'wallet_owner'::regrole`),
    ).toEqual([]);
  });

  it('names every constraint and index after its table', async () => {
    expect(
      await rowsOf(`select conrelid::regclass as relation, conname as name from pg_constraint join pg_class c on c.oid = conrelid
        where connamespace ${IN_SCHEMAS} and not starts_with(conname, relname || '_')
      union all select indrelid::regclass, i.relname from pg_index join pg_class i on i.oid = indexrelid join pg_class t on t.oid = indrelid
        where i.relnamespace ${IN_SCHEMAS} and not starts_with(i.relname, t.relname || '_')`),
    ).toEqual([]);
  });

  it(`has no function body of more than ${MAX_BODY_LINES} lines`, async () => {
    expect(
      await rowsOf(`select oid::regprocedure as name from pg_proc
      where pronamespace ${IN_SCHEMAS} and regexp_count(prosrc, E'\\n') > ${MAX_BODY_LINES}`),
    ).toEqual([]);
  });
});
