import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createDatabase } from '../../db/tests/helpers.ts';
import { withLogin } from '../testing.ts';
import { setRights } from './rights.ts';

const db = createDatabase();
const RIGHTS = new URL('../../db/database_rights.sql', import.meta.url);

/** The rights on the database by role, without its owner. */
async function rights(): Promise<Record<string, string>> {
  const { rows } = await db.query<{ grantee: string; rights: string }>(
    `select case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
       string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as rights
     from pg_database d cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
     where d.datname = current_database() and a.grantee <> d.datdba group by 1`,
  );
  return Object.fromEntries(rows.map((row) => [row.grantee, row.rights]));
}

const publicMay = async (): Promise<string[]> =>
  (
    await db.query<{ name: string }>(
      `select p.oid::regprocedure::text as name from pg_proc p
       where p.proname ~ '^lo_|^loread$|^lowrite$' and has_function_privilege('public', p.oid, 'execute')`,
    )
  ).rows.map(({ name }) => name);

/** A role for one test: roles belong to the cluster. */
async function withRole(options: string, work: (name: string) => Promise<void>): Promise<void> {
  const name = `wallet_test_${randomUUID().slice(0, 8)}`;
  await db.query(`create role ${name} ${options}`);
  try {
    await work(name);
  } finally {
    await db.query(`drop owned by ${name} cascade; drop role ${name}`);
  }
}

const open = () =>
  db.query(`grant connect, temporary on database ${db.name} to public; grant create on schema public to public;
    do $$ declare v_function regprocedure; begin
      for v_function in select oid::regprocedure from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and proname ~ '^(lo_|loread$|lowrite$)' and proname not in ('lo_import', 'lo_export')
      loop execute format('grant execute on function %s to public', v_function); end loop; end $$`);

async function told(login: string): Promise<{ severity: string; message: string }[]> {
  const session = await db.connectLogin(login);
  const notes: { severity: string; message: string }[] = [];
  session.on('notice', ({ severity = '', message = '' }) => notes.push({ severity, message }));
  await session.query(await readFile(RIGHTS, 'utf8'));
  return notes;
}

describe('the rights of the database', () => {
  beforeEach(open);
  afterEach(() => setRights(db.url));

  it('are revoked from PUBLIC: connecting, temporary objects, the schema public, large objects', async () => {
    expect((await rights()).public).toBe('connect, temporary');
    expect((await publicMay()).length).toBeGreaterThan(10);

    await setRights(db.url);

    expect((await rights()).public).toBeUndefined();
    expect(await publicMay()).toEqual([]);
    expect((await db.query("select has_schema_privilege('public', 'public', 'create') as may")).rows).toEqual([
      { may: false },
    ]);
  });

  it('change nothing the second time', async () => {
    const acls = async () =>
      (
        await db.query(
          `select d.xmin::text, d.datacl::text, (select array_agg(r.rolname || ' ' || r.rolconnlimit order by 1)::text from pg_roles r) as limits
           from pg_database d where d.datname = current_database()`,
        )
      ).rows;
    await setRights(db.url);
    const before = await acls();

    await setRights(db.url);

    expect(await acls()).toEqual(before);
  });

  it('leave PUBLIC its rights if another service uses the database', () =>
    withRole('', (owner) =>
      withRole('', async (reader) => {
        await db.query(`create schema shop authorization ${owner}; create table shop.orders (id int);
          alter table shop.orders owner to ${owner}; grant select on shop.orders to ${reader}`);

        await setRights(db.url);

        expect(await rights()).toMatchObject({ [owner]: 'connect, temporary', [reader]: 'connect, temporary' });
        expect((await rights()).public).toBeUndefined();
      }),
    ));

  it('leave large objects alone if some exist', () =>
    withRole('login', async (name) => {
      await (await db.connectLogin(name)).query("select lo_from_bytea(0, 'bytes')");

      await setRights(db.url);

      expect(await publicMay()).toEqual([]);
      expect(
        (await db.query("select has_function_privilege($1, 'lo_create(oid)', 'execute') as may", [name])).rows,
      ).toEqual([{ may: true }]);
    }));

  it('do not give CONNECT back to a login from which an administrator has revoked it', () =>
    withRole('login', async (name) => {
      await db.query(`create schema shop authorization ${name}`);
      await setRights(db.url);
      await db.query(`revoke connect on database ${db.name} from ${name}`);

      await setRights(db.url);

      expect((await rights())[name]).toBe('temporary');
    }));

  it("are listed for the database's owner if another login migrates, in one line", () =>
    withRole('login createrole', async (name) => {
      const notes = await told(name);

      expect(notes.filter(({ severity }) => severity === 'WARNING').map(({ message }) => message)).toEqual([
        expect.stringMatching(
          new RegExp(
            `^database ${db.name}: its owner, \\w+, has to run: .*revoke all on database ${db.name} from public$`,
          ),
        ) as string,
        'schema public: its owner has to run: revoke create on schema public from public',
      ]);
      expect(notes.filter(({ severity }) => severity === 'NOTICE').map(({ message }) => message)).toEqual([
        'large objects stay open to every login of this database: only a superuser can revoke their functions',
      ]);
      expect((await rights()).public).toBe('connect, temporary');
    }));

  it('are set by the owner of the database without a superuser, except for large objects', () =>
    withRole('login createrole', async (name) => {
      const { rows } = await db.query<{ owner: string }>(
        'select datdba::regrole::text as owner from pg_database where datname = current_database()',
      );
      await db.query(`alter database ${db.name} owner to ${name}`);
      try {
        const notes = await told(name);

        expect(notes.filter(({ severity }) => severity === 'WARNING')).toEqual([]);
        expect((await rights()).public).toBeUndefined();
      } finally {
        await db.query(`alter database ${db.name} owner to ${rows[0]?.owner ?? ''}`);
      }
    }));

  it('are set by a login that migrates its own database', () =>
    withRole('login', (name) =>
      withLogin(db, name, async (url) => {
        await db.query(`alter database ${db.name} owner to ${name}`);
        try {
          await setRights(url);
          expect((await rights()).public).toBeUndefined();
        } finally {
          await db.query(`alter database ${db.name} owner to current_user`);
        }
      }),
    ));
});

describe('the number of connections of a login', () => {
  /** In a transaction that is rolled back, because logins belong to the cluster. */
  async function limitAfter(limit: number): Promise<number | undefined> {
    const session = await db.connect();
    await session.query('begin');
    try {
      // Other tests change this login's password.
      await session.query("select from pg_authid where rolname = 'wallet_gateway' for update");
      await session.query(`alter role wallet_gateway connection limit ${limit}`);
      await session.query(await readFile(RIGHTS, 'utf8'));
      const { rows } = await session.query<{ rolconnlimit: number }>(
        "select rolconnlimit from pg_roles where rolname = 'wallet_gateway'",
      );
      return rows[0]?.rolconnlimit;
    } finally {
      await session.query('rollback');
    }
  }

  it("is set to two thirds of the server's for the gateway if there is none", async () => {
    const { rows } = await db.query<{ room: number }>(
      `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - current_setting('reserved_connections')::int as room`,
    );

    expect(await limitAfter(-1)).toBe(Math.floor(((rows[0]?.room ?? 0) * 66) / 100));
  });

  it.each([1, 7, 10_000])("keeps an administrator's value: %d", async (limit) => {
    expect(await limitAfter(limit)).toBe(limit);
  });
});
