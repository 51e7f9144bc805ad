/** What a migration runs, whom it delays, and what it leaves alone; each test has its own databases. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger as MigrateLogger, migrate as graphileMigrate } from 'graphile-migrate';
import { calculateHash } from 'graphile-migrate/dist/hash.js';
import { Logger, run, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { call, createDatabase, newKey, newWallet, someAsset, type Database } from '../../db/tests/helpers.ts';
import { AUTH, execute, Gateway, withLogin } from '../testing.ts';
import { QUEUE_SCHEMA } from '../jobs/queue.ts';
import { preparePlace } from '../dev/embedded.ts';
import { migrate } from './migrate.ts';
import { createPool } from '../database/pool.ts';

const SLOW_MS = 120_000;
const FOLDER = new URL('../../db/migrations/', import.meta.url).pathname;
const silent = new Logger(() => () => undefined);

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + SLOW_MS / 2; !(await holds()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
  }
}

const command = (db: Database, name: string, ...args: string[]) =>
  execute(process.execPath, [`src/${name === 'seed' ? 'dev' : 'commands'}/${name}.ts`, ...args], {
    env: { DATABASE_URL: db.url },
  });

/** A function that shows whether a superuser's rights are available in the session that calls it. */
const takeOver = (name: string, args: string, result: string, answer: string) => `
  create function ${name}(${args}) returns ${result} language plpgsql as $f$
  begin
    begin
      perform set_config('role', 'none', false);
      reset session authorization;
    exception when others then null;
    end;
    if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
      execute 'create table if not exists public.taken_over ()';
    end if;
    return ${answer};
  end $f$`;

const isTakenOver = async (db: Database): Promise<boolean> =>
  (await db.query("select from pg_class where relname = 'taken_over'")).rowCount !== 0;

describe("a login that wants an administrator's rights", () => {
  const db = createDatabase();
  beforeEach(() => db.query('drop table if exists public.taken_over'));

  it(
    "gets none of them by objects in the worker's queue",
    async () => {
      await withLogin(db, 'wallet_worker', async (url) => {
        const worker = new pg.Client({ connectionString: url });
        await worker.connect();
        const q = QUEUE_SCHEMA;
        const done: string[] = [];
        for (const step of [
          takeOver(`${q}.take_over`, '', 'int', '1'),
          takeOver(`${q}.take_over_row`, '', 'trigger', 'new'),
          takeOver(`pg_temp.take_over_row`, '', 'trigger', 'new'),
          `alter table ${q}.migrations rename to kept`,
          `create view ${q}.migrations as select id, ts, breaking from ${q}.kept where ${q}.take_over() = 1`,
          `create trigger t before insert or update on ${q}.migrations for each row execute function ${q}.take_over_row()`,
          `create trigger t before insert on ${q}._private_tasks for each row execute function pg_temp.take_over_row()`,
          `create rule r as on insert to ${q}.migrations do also select ${q}.take_over()`,
          `alter table ${q}.migrations alter column ts set default ${q}.take_over()::text::timestamptz`,
          `create schema more`,
        ]) {
          // Some steps are refused, which is fine.
          await worker.query(step).then(
            () => done.push(step.trim().split('\n')[0] ?? ''),
            () => undefined,
          );
        }
        await worker.end();

        await migrate(db.url).catch(() => undefined);
        const service = new Gateway(db, {});
        await service.start();
        await eventually('the worker of the service is at work', async () => {
          const { rows } = await db.query(
            "select from pg_stat_activity where datname = current_database() and application_name = 'wallet-worker'",
          );
          return rows.length > 0;
        });
        await service.stop();

        expect(await isTakenOver(db)).toBe(false);
        // Temporary objects in its own session are harmless.
        expect(done.filter((step) => !step.includes('pg_temp.take_over_row() returns'))).toEqual([]);
      });
    },
    SLOW_MS,
  );

  it.each([
    ['pg_has_role', 'text, text', 'boolean', 'true'],
    ['pg_has_role', 'name, text, text', 'boolean', 'true'],
    ['format', 'text, name', 'text', "''"],
    ['has_table_privilege', 'text, oid, text', 'boolean', 'true'],
  ])(
    'gets none of them by a function public.%s(%s), which fits the calls of commands better than its namesake',
    async (name, args, result, answer) => {
      await db.query('grant create on schema public to wallet_test_stranger');
      const stranger = await db.connectLogin('wallet_test_stranger');
      await stranger.query(takeOver(`public.${name}`, args, result, answer));

      const codes: Record<string, number | null> = {};
      for (const which of ['migrate', 'seed', 'verify', 'seal']) codes[which] = (await command(db, which)).code;

      expect(await isTakenOver(db)).toBe(false);
      expect(codes).toEqual({ migrate: 0, seed: 0, verify: 0, seal: 0 });
      await stranger.query(`drop function public.${name}(${args})`);
    },
    SLOW_MS,
  );

  it.each(['wallet_gateway', 'wallet_worker'] as const)(
    'finds no schema where it may create functions in the search_path of connections that a superuser opened for %s',
    async (login) => {
      const pool = createPool({ url: db.url, login, size: 1, name: 'a test', statementTimeoutMs: 30_000 });
      const { rows } = await pool.query('select session_user as login, current_schemas(true)::text[] as path');
      await pool.end();

      expect(rows).toEqual([{ login, path: ['pg_catalog'] }]);
    },
  );
});

describe('objects of another login in the schemas of the service', () => {
  const db = createDatabase();

  it.each([
    [
      'a function',
      'create function wallet_queue.mine() returns int language sql return 1',
      'function wallet_queue.mine()',
    ],
    ['a table', 'create table ledger.mine ()', 'table ledger.mine'],
    [
      'an operator',
      'create operator ledger.=== (leftarg = int, rightarg = int, function = int4eq)',
      'operator ledger.===',
    ],
  ])('stop the migration in one line: %s', async (_what, sql, named) => {
    const { rows } = await db.query<{ space: string }>("select split_part($1, '.', 1) as space", [
      named.replace(/^\w+ /, ''),
    ]);
    const space = rows[0]?.space ?? '';
    await db.query(`grant usage, create on schema ${space} to wallet_test_stranger`);
    const stranger = await db.connectLogin('wallet_test_stranger');
    await stranger.query(sql);

    await expect(migrate(db.url)).rejects.toThrow(
      new RegExp(
        `^The ${named.replace(/[.()=]/g, '\\$&')}.* belongs to wallet_test_stranger, not to wallet_owner: .+$`,
      ),
    );

    await db.query('drop owned by wallet_test_stranger');
    await expect(migrate(db.url)).resolves.toBeUndefined();
  });

  it('stop the migration in one line if a trigger of a table runs them', async () => {
    await db.query('grant create on schema public to wallet_test_stranger');
    const stranger = await db.connectLogin('wallet_test_stranger');
    await stranger.query('create function public.t() returns trigger language plpgsql as $$ begin return new; end $$');
    await db.query(
      'create trigger t before insert on wallet_migrate.migrations for each row execute function public.t()',
    );

    await expect(migrate(db.url)).rejects.toThrow(/^The function public\.t\(\) belongs to wallet_test_stranger, .+$/);

    await db.query('drop trigger t on wallet_migrate.migrations');
    await expect(migrate(db.url)).resolves.toBeUndefined();
  });
});

describe('a migration of a table that is being read', () => {
  const db = createDatabase();
  let folder = '';
  let counter = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wallet-migrations-'));
    // The link beside the migrations leads to all of db/, which committed migrations do not need.
    await cp(join(FOLDER, 'committed'), join(folder, 'committed'), { recursive: true });
    await writeFile(join(folder, 'current.sql'), '');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Adds a migration that adds a column to a table that every posting writes. */
  async function addMigration(): Promise<string> {
    counter += 1;
    const column = `later_${counter}`;
    const files = (await readdir(`${folder}/committed`)).sort();
    const newest = await readFile(`${folder}/committed/${files.at(-1) ?? ''}`, 'utf8');
    const previous = /^--! Hash: (\S+)$/m.exec(newest)?.[1] ?? '';
    const body = `alter table ledger.entries add column ${column} int;\n`;
    const name = `${String(900_000 + counter)}-later.sql`;
    const header = `--! Previous: ${previous}\n--! Hash: ${calculateHash(body, previous)}\n--! Message: later`;
    await writeFile(`${folder}/committed/${name}`, `${header}\n\n${body}`);
    return name;
  }
  const recorded = async (name: string): Promise<boolean> =>
    (await db.query('select from wallet_migrate.migrations where filename = $1', [name.replace('-later', '')]))
      .rowCount === 1;

  async function reader(): Promise<{ client: pg.Client; pid: number }> {
    const client = await db.connect();
    await client.query("set application_name = 'a reader'; begin");
    const { rows } = await client.query<{ pid: number }>(
      'select pg_backend_pid() as pid, count(*) from ledger.entries group by 1',
    );
    return { client, pid: rows[0]?.pid ?? 0 };
  }

  it('is refused by name if its file name is wrong, and it would be ignored', async () => {
    const file = join(folder, 'committed', '900000-1.2.0.sql');
    await writeFile(file, 'select 1;\n');
    try {
      await expect(migrate(db.url, { migrationsFolder: folder })).rejects.toThrow(
        'The file 900000-1.2.0.sql is not named like a migration: 000002-what-it-does.sql',
      );
    } finally {
      await rm(file);
    }
  });

  it(
    'fails in one line that names the blocking process, and every posting meanwhile is answered',
    async () => {
      const wallet_id = await newWallet(db, await someAsset(db), { bought: 1 });
      const name = await addMigration();
      const { pid } = await reader();
      const gateway = await db.connectAs('service', 'shop');
      await gateway.query("set lock_timeout = '30s'");
      const state = { isOver: false };
      const migrating = migrate(db.url, { migrationsFolder: folder, waitMs: 6_000 }).then(
        () => 'migrated',
        (error: unknown) => (error as Error).message,
      );
      const over = migrating.finally(() => (state.isOver = true));
      let answered = 0;
      while (!state.isOver) {
        await call(gateway, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
        answered += 1;
      }
      await over;

      expect(await migrating).toMatch(
        new RegExp(
          `^The migration ${name} did not get its locks in time, because of process ${pid} \\(login \\w+, application a reader, idle in transaction\\): [^\n]+$`,
        ),
      );
      expect(answered).toBeGreaterThan(0);
      expect(await recorded(name)).toBe(false);
    },
    SLOW_MS,
  );

  it(
    'finishes after the reader has left, without another attempt by hand',
    async () => {
      const name = await addMigration();
      const { client, pid } = await reader();
      const migrating = migrate(db.url, { migrationsFolder: folder, waitMs: SLOW_MS });
      const waits = async () => {
        const { rowCount } = await db.query(
          "select from pg_stat_activity where application_name = 'wallet-migrate' and $1 = any (pg_blocking_pids(pid))",
          [pid],
        );
        return rowCount !== 0;
      };
      // Twice: between the attempts it leaves the lock's queue.
      await eventually('it waits', waits);
      await eventually('it waits no longer', async () => !(await waits()));
      await eventually('it waits again', waits);
      expect(await recorded(name)).toBe(false);

      await client.query('commit');
      await migrating;

      expect(await recorded(name)).toBe(true);
    },
    SLOW_MS,
  );
});

describe('another project in the same database', () => {
  const db = createDatabase();
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shop-migrations-'));
    const body = 'create table public.goods (name text primary key);\n';
    await mkdir(join(folder, 'committed'));
    await writeFile(
      join(folder, 'committed', '000001-goods.sql'),
      `--! Previous: -\n--! Hash: ${calculateHash(body, null)}\n--! Message: goods\n\n${body}`,
    );
    await writeFile(join(folder, 'current.sql'), '');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function emptied(): Promise<void> {
    await db.query(
      'drop schema if exists webhook, ledger, ledger_private, gateway, wallet_migrate, wallet_queue, graphile_migrate, graphile_worker cascade',
    );
    await db.query('drop table if exists public.goods');
  }
  const shopMigrates = () =>
    graphileMigrate({
      connectionString: db.url,
      migrationsFolder: folder,
      logger: new MigrateLogger(() => () => undefined),
    });
  const isHere = async (name: string) =>
    (await db.query<{ here: boolean }>('select to_regclass($1) is not null as here', [name])).rows[0]?.here;

  it(
    'keeps its graphile-migrate, whichever of the two comes first',
    async () => {
      await emptied();
      await shopMigrates();
      await migrate(db.url);
      expect([await isHere('public.goods'), await isHere('ledger.entries')]).toEqual([true, true]);

      await emptied();
      await migrate(db.url);
      await shopMigrates();
      expect([await isHere('public.goods'), await isHere('ledger.entries')]).toEqual([true, true]);
      await migrate(db.url);
      const { rows } = await db.query('select filename from graphile_migrate.migrations');
      expect(rows).toEqual([{ filename: '000001.sql' }]);
    },
    SLOW_MS,
  );

  it(
    'keeps its Graphile Worker, which continues while the wallet installs its own queue',
    async () => {
      await emptied();
      const pgPool = new pg.Pool({ connectionString: db.url, max: 5 });
      const ignore = () => undefined;
      pgPool.on('error', ignore).on('connect', (client) => client.on('error', ignore));
      await runMigrations({ pgPool, logger: silent });
      const sold: string[] = [];
      let ended = false;
      const runner = await run({
        pgPool,
        logger: silent,
        noHandleSignals: true,
        taskList: { sell: (payload) => void sold.push((payload as { what: string }).what) },
      });
      const over = runner.promise.then(() => (ended = true));
      const listening = await db.connect();
      const heard: string[] = [];
      listening.on('notification', ({ channel }) => heard.push(channel));
      await listening.query('listen "worker:migrate"');

      await migrate(db.url);
      const gateway = new Gateway(db, {});
      await gateway.start();
      await listening.query('select');
      await runner.addJob('sell', { what: 'a hat' });
      await eventually('the shop sells', () => Promise.resolve(sold.length > 0));
      const wallet = await newWallet(db, await someAsset(db), { bought: 5 });
      await db.query(`select wallet_queue.add_job('expire_due', queue_name => 'expiry', job_key => 'expire_due')`);
      await eventually('the wallet works', async () => {
        const { rowCount } = await db.query("select from wallet_queue.jobs where task_identifier = 'expire_due'");
        return rowCount === 0;
      });

      expect({ sold, ended, heard, wallet: typeof wallet }).toEqual({
        sold: ['a hat'],
        ended: false,
        heard: [],
        wallet: 'string',
      });
      await gateway.stop();
      await runner.stop();
      await over;
      await pgPool.end();
    },
    SLOW_MS,
  );
});

describe('a database that the wallet cannot use', () => {
  const db = createDatabase();

  it('is refused because of its encoding, and nothing is written', async () => {
    const name = `${db.name}_ascii`;
    await db.query(
      `create database ${name} encoding 'SQL_ASCII' template template0 locale_provider libc lc_collate 'C' lc_ctype 'C'`,
    );
    const url = new URL(db.url);
    url.pathname = `/${name}`;
    try {
      expect(await troubleOf(url.href)).toMatch(
        /^The database at DATABASE_URL has the encoding SQL_ASCII, the wallet needs UTF8: [^\n]+\n$/,
      );
      expect(await schemasOf(url.href)).toEqual(['public']);
    } finally {
      await db.query(`drop database ${name} with (force)`);
    }
  });

  it('is refused if an older version created it', async () => {
    await db.query('alter schema wallet_migrate rename to away');

    await expect(migrate(db.url)).rejects.toThrow(/^The database holds a ledger that this version has not made, .+$/);

    await db.query('alter schema away rename to wallet_migrate');
    await db.query("update wallet_migrate.migrations set hash = 'sha1:other' where filename = '000001.sql'");
    await expect(migrate(db.url)).rejects.toThrow(/^The database holds a ledger that this version has not made, .+$/);
  });

  it.each([
    [
      'wallet_owner',
      /^The database has a schema webhook, which no migration has made, .+: rename it \(alter schema .+$/,
    ],
    ['wallet_test_stranger', /^The schema webhook belongs to wallet_test_stranger, .+ otherwise rename it, .+$/],
  ])('is refused by name if a schema of %s has the name of one that the next migration makes', async (owner, line) => {
    const name = `${db.name}_taken`;
    const url = new URL(db.url);
    url.pathname = `/${name}`;
    const before = await mkdtemp(join(tmpdir(), 'wallet-release-'));
    await cp(join(FOLDER, 'committed/000001-wallet.sql'), join(before, 'committed/000001-wallet.sql'));
    await writeFile(join(before, 'current.sql'), '');
    await db.query(`create database ${name} template template0`);
    const client = new pg.Client({ connectionString: url.href });
    try {
      await migrate(url.href, { migrationsFolder: before });
      await client.connect();
      await client.query(`create schema webhook authorization ${owner}`);

      await expect(migrate(url.href)).rejects.toThrow(line);
      const { rows } = await client.query('select filename from wallet_migrate.migrations');
      expect(rows).toEqual([{ filename: '000001.sql' }]);

      await client.query('alter schema webhook rename to theirs');
      await expect(migrate(url.href)).resolves.toBeUndefined();
    } finally {
      await client.end();
      await db.query(`drop database ${name} with (force)`);
      await rm(before, { recursive: true });
    }
  });

  const older = olderServer();
  (older ? it : it.skip)(
    `is refused by name and version where the server is too old, and nothing is written${older ? '' : ' (no PostgreSQL older than 18 is installed)'}`,
    async () => {
      if (!older) throw new Error('skipped otherwise');
      const folder = await mkdtemp(join(tmpdir(), 'wallet-older-'));
      const { account } = preparePlace(join(folder, 'place'));
      await chown(folder, account.uid ?? -1, account.gid ?? -1);
      await chmod(folder, 0o755);
      const inPlace = { ...account, cwd: folder, env: { LC_ALL: 'C', PATH: process.env.PATH } };
      const data = join(folder, 'data');
      execFileSync(join(older, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'], {
        ...inPlace,
        stdio: 'ignore',
      });
      const pg_ctl = (...args: string[]) =>
        execFileSync(join(older, 'pg_ctl'), ['-D', data, '-w', ...args], { ...inPlace, stdio: 'ignore' });
      pg_ctl('start', '-l', join(folder, 'log'), '-o', `-c listen_addresses='' -k ${folder}`);
      try {
        const url = `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`;
        for (const program of ['src/commands/migrate.ts', 'src/dev/seed.ts', 'src/server.ts']) {
          expect(await troubleOf(url, program)).toMatch(
            /^PostgreSQL \d+\.\d+.* at DATABASE_URL is too old: the wallet needs PostgreSQL 18 or newer\n$/,
          );
        }
        expect(await schemasOf(url)).toEqual(['public']);
      } finally {
        pg_ctl('stop', '-m', 'immediate');
        await rm(folder, { recursive: true, force: true });
      }
    },
    SLOW_MS,
  );

  async function troubleOf(url: string, program = 'src/commands/migrate.ts'): Promise<string> {
    const env = { DATABASE_URL: url, JWT_SECRET: AUTH.secret, PORT: '0' };
    const { code, stderr } = await execute(process.execPath, [program], { env });
    expect(code).not.toBe(0);
    return stderr;
  }

  async function schemasOf(url: string): Promise<string[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "select nspname as name from pg_namespace where nspname !~ '^(pg_|information_schema)' order by 1",
    );
    await client.end();
    return rows.map(({ name }) => name);
  }
});

/** The programs of a PostgreSQL older than 18, if Debian has installed one. */
function olderServer(): string | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  return versions
    .filter((version) => Number(version) < 18)
    .map((version) => `/usr/lib/postgresql/${version}/bin`)
    .find((bin) => existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'pg_ctl')));
}
