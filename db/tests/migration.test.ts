/** A migration creates the same schema, whatever the database contains, or changes nothing. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { listSchema } from '../../src/dev/listing.ts';
import { applyUncommitted } from '../../src/dev/uncommitted.ts';
import { Child, execute } from '../../src/testing.ts';
import { call, createDatabase, expectSound, newAsset, newKey, newWallet, rowsOf } from './helpers.ts';

const LISTING = readFileSync(new URL('../listing.txt', import.meta.url), 'utf8');
const MIGRATED = { code: 0, stdout: 'migrated\n', stderr: '' };
const COMMAND = 'src/commands/migrate.ts';
const WITHIN_MS = 60_000;
const TEST_LIMIT_MS = 600_000;

const db = createDatabase();

const migrate = (url: string) => execute(process.execPath, [COMMAND], { env: { DATABASE_URL: url } });

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + WITHIN_MS; !(await holds()); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
  }
}

/** An empty database, with a superuser's session. */
async function withEmpty(work: (url: string, session: pg.Client) => Promise<void>): Promise<void> {
  const name = `${db.name}_empty`;
  const url = db.url.replace(db.name, name);
  await db.query(`create database ${name}`);
  const session = new pg.Client({ connectionString: url });
  try {
    await session.connect();
    await work(url, session);
  } finally {
    await session.end();
    await db.query(`drop database ${name} with (force)`);
  }
}

/** The schema equals the listing with the uncommitted changes; migrating twice begins one epoch. */
async function expectListing(url: string, session: pg.Client): Promise<void> {
  await applyUncommitted(url);
  expect(await listSchema(session)).toBe(LISTING);
  expect((await session.query('select epoch from ledger.feed_epochs')).rows).toEqual([{ epoch: 1 }]);
}

describe('a migration', () => {
  it(
    'of an empty database creates the listed schema, and changes nothing when repeated',
    async () => {
      await withEmpty(async (url, session) => {
        expect(await migrate(url)).toEqual(MIGRATED);
        expect(await migrate(url)).toEqual(MIGRATED);
        await expectListing(url, session);
      });
    },
    TEST_LIMIT_MS,
  );

  it(
    'of a database with tables of others leaves these unchanged',
    async () => {
      await withEmpty(async (url, session) => {
        await session.query(`create table public.wallets (id int); insert into public.wallets values (1);
        create schema shop; create table shop.entries (id int)`);
        expect(await migrate(url)).toEqual(MIGRATED);
        await expectListing(url, session);
        expect((await session.query('select id from public.wallets')).rows).toEqual([{ id: 1 }]);
      });
    },
    TEST_LIMIT_MS,
  );

  it(
    'of a filled ledger changes neither its schema nor a row',
    async () => {
      const asset = await newAsset(db);
      const wallet = await newWallet(db, asset, { bought: 100, bonus: 10 });
      await call(db, 'wallet_hold', { wallet_id: wallet, amount: 5, idem_key: newKey() });
      const rows = await rowsOf(db);

      expect(await migrate(db.url)).toEqual(MIGRATED);
      expect(await rowsOf(db)).toEqual(rows);
      expect(await listSchema(await db.connect())).toBe(LISTING);
      await expectSound(db);
    },
    TEST_LIMIT_MS,
  );

  it(
    'by three concurrent processes is done once',
    async () => {
      await withEmpty(async (url, session) => {
        const ends = await Promise.all([migrate(url), migrate(url), migrate(url)]);
        expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
        // Waiting processes log that.
        for (const { stdout, stderr } of ends) {
          // The log and the output are written independently.
          expect(stdout).toMatch(/^(.+ migrate got its locks .+\n)*migrated\n(.+ migrate got its locks .+\n)*$/);
          expect(stderr).toMatch(/^(.+ migrate waits for a lock .+\n)*$/);
        }
        await expectListing(url, session);
      });
    },
    TEST_LIMIT_MS,
  );
});

describe('a migration that is killed', () => {
  const MIDWAY = 'create schema gateway';
  const stops = [
    { where: 'midway through the schema', blocks: [MIDWAY], ledger: false },
    {
      where: 'when all is made, and not yet recorded',
      blocks: [MIDWAY, "insert into wallet_migrate.migrations (hash, filename) values ('sha1:0', '000001.sql')"],
      ledger: false,
    },
    { where: "between the ledger and the worker's queue", blocks: ['create schema wallet_queue'], ledger: true },
  ];

  /** Starts a migration that waits for a lock of `block`, and kills it. */
  async function killAt(block: string, url: string, session: pg.Client): Promise<void> {
    const others = `from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
    await session.query(`begin; ${block}`);
    const child = new Child(process.execPath, [COMMAND], { env: { DATABASE_URL: url } });
    await until('a session waits for the lock', async () => {
      await session.query('select pg_stat_clear_snapshot()');
      return (await session.query(`select ${others} and wait_event_type = 'Lock'`)).rowCount === 1;
    });
    child.signal('SIGKILL');
    await child.exited;
    await session.query('rollback');
    await until('its session has ended', async () => (await session.query(`select ${others}`)).rowCount === 0);
  }

  it.each(stops)(
    '$where leaves nothing half-done, and the next one finishes it',
    async ({ blocks, ledger }) => {
      await withEmpty(async (url, session) => {
        for (const block of blocks) await killAt(block, url, session);
        const { rows } = await session.query("select to_regnamespace('ledger') is not null as ledger");
        expect(rows).toEqual([{ ledger }]);

        expect(await migrate(url)).toEqual(MIGRATED);
        await expectListing(url, session);
      });
    },
    TEST_LIMIT_MS,
  );
});

describe('a ledger that this first migration has not made', () => {
  const others = [
    {
      what: 'of release 0.0, whose record another table keeps',
      arrange: `drop schema wallet_migrate cascade;
        create schema graphile_migrate;
        create table graphile_migrate.migrations (hash text primary key, previous_hash text, filename text, date timestamptz);
        insert into graphile_migrate.migrations (hash, previous_hash, filename) values
          ('sha1:26e7d328cb464b8ec7d07f3f14e74cc77772e8b5', 'sha1:101bc9326957e091430cc4d730b1461830e32477', '000006.sql')`,
    },
    {
      what: 'by another text of 000001',
      arrange: "update wallet_migrate.migrations set hash = 'sha1:' || lpad(left(filename, 6), 40, '0')",
    },
    { what: 'without a record of migrations', arrange: 'drop schema wallet_migrate cascade' },
    { what: 'with an empty record of migrations', arrange: 'truncate wallet_migrate.migrations' },
  ];

  describe.each(others)('$what', ({ arrange }) => {
    const old = createDatabase();

    it(
      'is refused in one line that says what to do, and left unchanged',
      async () => {
        await old.query(arrange);
        const before = await listSchema(await old.connect());

        expect(await migrate(old.url)).toEqual({
          code: 2,
          stdout: '',
          stderr:
            'The database holds a ledger that this version has not made, of which nothing is carried over: use an empty database, ' +
            'restore all schemas, or in a checkout without DATABASE_URL delete .data/postgres\n',
        });
        expect(await listSchema(await old.connect())).toBe(before);
      },
      TEST_LIMIT_MS,
    );
  });
});
