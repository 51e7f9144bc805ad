/** Real services and a real queue. In most tests expiries are rows of a table, and a replacement of the ledger's function takes them. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  call,
  createDatabase,
  expectSound,
  newKey,
  newWallet,
  someAsset,
  waitsForLock,
  type Database,
} from '../../db/tests/helpers.ts';
import { age, tampering } from '../../db/tests/aged.ts';
import { migrate } from '../migrate/migrate.ts';
import { Gateway, linesOfLog, withLogin } from '../testing.ts';

interface Call {
  login: string;
  worker: string;
  settled: number;
  started: string;
  ended: string;
}

const SLOW_MS = 120_000;
const WITHIN_MS = 60_000;

/** Replaces the booking function: it records each call, takes as long as configured or until it is released, and can fail. */
const STAND_IN = `
create table due (wallet int primary key);
create table calls (login text, worker text, settled int, started timestamptz, ended timestamptz);
create table behaviour (seconds float8, held bool, refusal text);
insert into behaviour values (0, false, null);
create or replace function ledger.wallet_expire_due(max_wallets int default 1000) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  v_started timestamptz := clock_timestamp();
  v_settled bigint;
  v_worker text := (
    select string_agg(locked_by, ' and ') from wallet_queue.jobs where task_identifier = 'expire_due'
  );
  v_refusal text := (select refusal from behaviour);
begin
  if v_refusal is not null then
    raise exception '%', v_refusal;
  end if;
  with taken as (
    delete from due where wallet in (select wallet from due limit max_wallets for update skip locked) returning wallet
  )
  select count(*) into v_settled from taken;
  perform pg_sleep(seconds) from behaviour;
  while (select held from behaviour) loop
    perform pg_sleep(0.02);
  end loop;
  insert into calls values (session_user, v_worker, v_settled, v_started, clock_timestamp());
  return v_settled;
end $$;
-- It sees everything, the jobs too.
alter function ledger.wallet_expire_due(int) owner to session_user`;

/** Gateways on one database with the replaced function; started before the tests, and stopped before the database is dropped. */
function createServices(count: number): { db: Database; services: Gateway[] } {
  // Hooks run in the order in which they are registered.
  afterAll(() => Promise.all(services.map((service) => service.stop())));
  const db = createDatabase();
  // Never verifies: its log lines would disturb the tests.
  const services = Array.from({ length: count }, () => new Gateway(db, { VERIFY_CRON: '0 0 30 2 *' }));
  beforeAll(async () => {
    await db.query(STAND_IN);
    await Promise.all(services.map((service) => service.start()));
  }, SLOW_MS);
  return { db, services };
}

const makeDue = (db: Database, wallets: number) =>
  db.query('insert into due select generate_series(1, $1) on conflict do nothing', [wallets]);

/** Adds the job that the crontab adds; without a key, each call adds another job. */
const tick = (db: Database, key: string | null = 'expire_due', task = 'expire_due') =>
  db.query("select wallet_queue.add_job($2, queue_name => 'expiry', job_key => $1)", [key, task]);

const callsOf = async (db: Database): Promise<Call[]> =>
  (await db.query<Call & Record<string, unknown>>('select * from calls order by started')).rows;

/** Without calls of the crontab that found nothing. */
const bookingsOf = async (db: Database): Promise<[string, number][]> =>
  (await callsOf(db)).filter(({ settled }) => settled > 0).map(({ login, settled }) => [login, settled]);

async function eventually(what: string, holds: () => Promise<boolean>, within = WITHIN_MS): Promise<void> {
  const deadline = Date.now() + within;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${what}`);
    await sleep(50);
  }
}

const jobsOf = async (db: Database) =>
  (
    await db.query<{ key: string; attempts: number; last_error: string | null; locked_by: string | null }>(
      `select key, attempts, last_error, locked_by from wallet_queue.jobs where task_identifier = 'expire_due'
       order by id`,
    )
  ).rows;

const noJob = (db: Database) => eventually('no job is left', async () => (await jobsOf(db)).length === 0);

const listenersOf = async (db: Database) =>
  (await workersOf(db)).filter(({ query }) => query.startsWith('LISTEN')).length;

const workersOf = async (db: Database) =>
  (
    await db.query<{ usename: string; state: string; query: string }>(
      `select usename, state, query from pg_stat_activity
       where datname = current_database() and application_name = 'wallet-worker'`,
    )
  ).rows;

const hold = (db: Database) => db.query('update behaviour set held = true');
const letGo = (db: Database) => db.query('update behaviour set held = false');

/** Waits until a booking is in progress, which lasts until it is released. */
const isHeld = (db: Database) =>
  eventually('a booking is held', async () => {
    const { rowCount } = await db.query(
      `select from pg_stat_activity where datname = current_database() and application_name = 'wallet-worker'
         and wait_event = 'PgSleep' and query like '%wallet_expire_due%'`,
    );
    return rowCount === 1;
  });

/** The queue's own statements are active too, for a moment. */
const isBooking = async (db: Database): Promise<boolean> =>
  (await workersOf(db)).some(({ state, query }) => state === 'active' && query.includes('wallet_expire_due'));

/** A wallet with a hold and one with a bonus, both of which expire before it returns. */
async function someDue(db: Database): Promise<{ holding: string; granted: string }> {
  const asset = await someAsset(db);
  const holding = await newWallet(db, asset, { bought: 10 });
  const granted = await newWallet(db, asset, { bought: 10 });
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  await call(db, 'wallet_hold', { wallet_id: holding, amount: 4, idem_key: newKey(), expires_at });
  await call(db, 'wallet_bonus', { wallet_id: granted, amount: 5, idem_key: newKey(), expires_at });
  await age(db, '2 hours');
  return { holding, granted };
}

describe('migrate', () => {
  const db = createDatabase();

  const ownersOf = async (schema: string) =>
    (
      await db.query<{ owner: string }>(
        `select distinct pg_get_userbyid(owner) as owner from (
           select nspowner as owner from pg_namespace where nspname = $1
           union all select relowner from pg_class where relnamespace = $1::regnamespace
           union all select proowner from pg_proc where pronamespace = $1::regnamespace
           union all select typowner from pg_type where typnamespace = $1::regnamespace) objects`,
        [schema],
      )
    ).rows.map(({ owner }) => owner);
  const revision = async () =>
    (await db.query<{ id: number }>('select id from wallet_queue.migrations order by id')).rows.map(({ id }) => id);

  it("installs the queue's schema, all of which belongs to wallet_owner, which has no login", async () => {
    expect(await ownersOf('wallet_queue')).toEqual(['wallet_owner']);
    expect((await revision()).length).toBeGreaterThan(10);
  });

  it("gives the worker's login no object, no right to create one, and no way to another role", async () => {
    const { rows: owned } = await db.query(
      `select objects.class, objects.oid from (
         select 'namespace' as class, oid, oid as schema, nspowner as owner from pg_namespace
         union all select 'relation', oid, relnamespace, relowner from pg_class
         union all select 'function', oid, pronamespace, proowner from pg_proc
         union all select 'type', oid, typnamespace, typowner from pg_type) objects
       where owner = 'wallet_worker'::regrole`,
    );
    const { rows: rights } = await db.query(
      `select has_database_privilege('wallet_worker', current_database(), 'create') as database,
         has_schema_privilege('wallet_worker', 'public', 'create') as public,
         has_schema_privilege('wallet_worker', 'ledger', 'create') as ledger,
         has_schema_privilege('wallet_worker', 'wallet_queue', 'create') as queue`,
    );
    const { rows: roles } = await db.query(
      `select roleid::regrole::text as role, inherit_option, set_option, admin_option from pg_auth_members
       where member = 'wallet_worker'::regrole`,
    );

    expect(owned).toEqual([]);
    expect(rights).toEqual([{ database: false, public: false, ledger: false, queue: false }]);
    expect(roles).toEqual([{ role: 'wallet_job', inherit_option: true, set_option: false, admin_option: false }]);
  });

  it('changes nothing when it runs again, also several times at once', async () => {
    const before = await revision();

    await Promise.all([migrate(db.url), migrate(db.url), migrate(db.url)]);

    expect(await revision()).toEqual(before);
  });

  it('installs the queue once if several find none', async () => {
    const before = await revision();
    await db.query('drop schema wallet_queue cascade');

    await Promise.all([migrate(db.url), migrate(db.url), migrate(db.url)]);

    expect(await revision()).toEqual(before);
    expect(await ownersOf('wallet_queue')).toEqual(['wallet_owner']);
  });
});

describe("the worker's login", () => {
  const db = createDatabase();

  it('may call wallet_expire_due', async () => {
    const worker = await db.connectLogin('wallet_worker');
    const settle = async () =>
      (await worker.query<{ settled: string }>('select ledger.wallet_expire_due(1000) as settled')).rows;

    expect(await settle()).toEqual([{ settled: '0' }]);
    await someDue(db);
    expect(await settle()).toEqual([{ settled: '2' }]);
    expect(await settle()).toEqual([{ settled: '0' }]);
  });

  it("may write to none of the ledger's tables", async () => {
    const { rows } = await db.query(
      `select oid::regclass::text as "table" from pg_class
       where relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and relkind in ('r', 'p')
         and (has_table_privilege('wallet_worker', oid, 'insert, update, delete, truncate')
           or has_any_column_privilege('wallet_worker', oid, 'insert, update'))`,
    );
    const worker = await db.connectLogin('wallet_worker');

    expect(rows).toEqual([]);
    await expect(worker.query('delete from ledger.entries')).rejects.toMatchObject({ code: '42501' });
  });

  it('hides its jobs from all roles of tokens', async () => {
    for (const role of ['player', 'service', 'operator', 'auditor'] as const) {
      const client = await db.connectAs(role, 'alice');
      await expect(client.query('select from wallet_queue.jobs')).rejects.toMatchObject({ code: '42501' });
    }
  });
});

describe('a service', () => {
  const {
    db,
    services: [gateway],
  } = createServices(1);
  if (!gateway) throw new Error('no service');
  beforeEach(async () => {
    await db.query('update behaviour set held = false, refusal = null');
    await noJob(db);
    await db.query('truncate due, calls');
  });

  it('registers its crontab', async () => {
    const crontab = async () =>
      (await db.query('select identifier from wallet_queue._private_known_crontabs order by 1')).rows;
    await eventually('the crontab is known', async () => (await crontab()).length >= 5);

    expect(await crontab()).toEqual(
      ['expire_due', 'release_dead', 'seal', 'verify', 'webhooks'].map((identifier) => ({ identifier })),
    );
  });

  it("books expiries with the worker's login, in batches of a thousand, and logs its progress", async () => {
    await makeDue(db, 2500);

    await tick(db);
    await noJob(db);

    expect(await bookingsOf(db)).toEqual([
      ['wallet_worker', 1000],
      ['wallet_worker', 1000],
      ['wallet_worker', 500],
    ]);
    await gateway.child.prints(/"wallets":1000,.*\n.*"wallets":2000,.*\n.*"wallets":2500,.*$/m);
  });

  it('logs nothing if nothing expires', async () => {
    const before = gateway.child.stdout.length;

    await tick(db);
    await noJob(db);

    expect(await callsOf(db)).not.toEqual([]);
    // The log of the next run would come after a line of this one.
    await makeDue(db, 7);
    await tick(db);
    await gateway.child.prints(/"wallets":7,.*\n/);
    expect(linesOfLog(gateway.child.stdout.slice(before))).toEqual([expect.objectContaining({ wallets: 7 })]);
    await noJob(db);
  });

  it('logs an error in one line, and succeeds at the next tick', async () => {
    await makeDue(db, 1);
    await db.query("update behaviour set refusal = 'not today'");

    await tick(db);
    await eventually('the error', () => Promise.resolve(gateway.child.stderr.includes('not today')));
    const said = linesOfLog(gateway.child.stderr);
    await eventually('an attempt is noted', async () => (await jobsOf(db))[0]?.last_error === 'not today');
    await db.query('update behaviour set refusal = null');
    await tick(db);
    await noJob(db);

    expect(said[0]).toMatchObject({ msg: 'worker', error: expect.stringContaining('attempt 1 of 25') as string });
    for (const { msg, error } of said) {
      expect(msg).toBe('worker');
      expect(error).toMatch(/^Failed task .*expire_due.*attempt \d+ of 25.*'not today'$/);
    }
    expect(await bookingsOf(db)).toEqual([['wallet_worker', 1]]);
  });

  it('lets at most one tick wait behind a run', async () => {
    await hold(db);
    await tick(db);
    await isHeld(db);

    for (let times = 0; times < 5; times += 1) await tick(db);

    const jobs = await jobsOf(db);
    expect(jobs.map(({ locked_by: by }) => by !== null)).toEqual([true, false]);
    await letGo(db);
  });

  it('continues after the database closed its connections, also in the middle of a run', async () => {
    const { pid } = gateway.child;
    await hold(db);
    await makeDue(db, 3);
    await tick(db);
    await isHeld(db);

    // The busy session first: without the others, the end of its job might find no connection to be recorded with, as tested below.
    const cut = async (which: string) => {
      const { rows } = await db.query<{ gone: boolean }>(
        `select pg_terminate_backend(pid, 60000) as gone from pg_stat_activity
         where application_name = 'wallet-worker' and datname = current_database() and ${which}`,
      );
      expect(new Set(rows.map(({ gone }) => gone))).toEqual(new Set([true]));
    };
    await cut("state = 'active' and query like '%wallet_expire_due%'");
    await letGo(db);
    await noJob(db);
    expect(await bookingsOf(db)).toEqual([['wallet_worker', 3]]);

    // Between two jobs: no job of the crontab can begin while the table is locked.
    const blocker = await db.connect();
    await eventually('no job is at work', async () => {
      await blocker.query('begin; lock table wallet_queue._private_jobs in share row exclusive mode');
      const { rowCount } = await blocker.query(
        `select from wallet_queue._private_jobs j join wallet_queue._private_tasks t on t.id = j.task_id
         where j.locked_at is not null and t.identifier <> 'webhooks'`,
      );
      if (rowCount !== 0) await blocker.query('rollback');
      return rowCount === 0;
    });
    await cut('true');
    await blocker.query('commit');
    await makeDue(db, 2);
    await eventually('the worker is back', async () => (await workersOf(db)).length > 0);
    await tick(db);
    await noJob(db);
    expect(await bookingsOf(db)).toEqual([
      ['wallet_worker', 3],
      ['wallet_worker', 2],
    ]);
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    expect(gateway.child.pid).toBe(pid);
  });

  it(
    'continues after the end of a job could not be recorded, and its lock is released in time',
    async () => {
      await hold(db);
      await tick(db);
      await isHeld(db);
      const blocker = await db.connect();
      const locked = blocker.query('begin; lock table wallet_queue._private_jobs in access exclusive mode');
      // The blocker is ahead in the lock's queue: the run has read the table, and the end of its job is still to be recorded.
      await waitsForLock(db, blocker);
      await letGo(db);
      await locked;
      await eventually('the failure', () =>
        Promise.resolve(/"error":"Failed to complete jobs .*lock timeout.*"msg":"worker"/.test(gateway.child.stderr)),
      );
      await blocker.query('rollback');
      await makeDue(db, 1);

      await tick(db);
      // A later job without a queue shows that the worker is back; this job's queue is still locked by its former process.
      const { rows: later } = await db.query<{ id: string }>("select id from wallet_queue.add_job('seal')");
      await eventually('the later job is done', async () => {
        const { rowCount } = await db.query('select from wallet_queue.jobs where id = $1', [later[0]?.id]);
        return rowCount === 0;
      });
      const waiting = (await jobsOf(db)).filter(({ key }) => key === 'expire_due');
      expect(waiting).toEqual([expect.objectContaining({ attempts: 0, locked_by: null })]);
      expect((await db.query('select from due')).rowCount).toBe(1);
      await db.query(
        `with jobs as (
         update wallet_queue._private_jobs set locked_at = locked_at - interval '11 minutes'
       )
       update wallet_queue._private_job_queues set locked_at = locked_at - interval '11 minutes'`,
      );
      await db.query("select wallet_queue.add_job('release_dead')");
      await eventually('it is booked', async () => (await db.query('select from due')).rowCount === 0);

      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
      await db.query('delete from wallet_queue._private_jobs where attempts = max_attempts');
    },
    SLOW_MS,
  );
});

describe('a service, with the real ledger,', () => {
  const db = createDatabase();
  const gateway = new Gateway(db, {});
  // The database is dropped after this: hooks run in reverse order.
  afterAll(() => gateway.stop());

  it(
    "releases a hold and books an expired bonus, which no call has touched, with the worker's login",
    async () => {
      // Before the service starts: it would seal entries that are then moved into the past.
      const { holding, granted } = await someDue(db);
      await gateway.start();

      await tick(db);
      await eventually('it is booked', async () => (await booked()).length === 2);

      expect(await booked()).toEqual(
        expect.arrayContaining([
          { wallet_id: holding, kind: 'release', amount: '4', idem_key: null, actor: 'db:wallet_worker' },
          { wallet_id: granted, kind: 'expiry', amount: '5', idem_key: null, actor: 'db:wallet_worker' },
        ]),
      );
      expect(await call(db, 'wallet_balance', { wallet_id: holding })).toMatchObject({
        balance: '10',
        held_balance: '0',
        seq: '3',
      });
      expect(await call(db, 'wallet_balance', { wallet_id: granted })).toMatchObject({
        balance: '10',
        bonus_balance: '0',
        seq: '3',
      });
      await noJob(db);
      await gateway.child.prints(/"wallets":[12],/);
      await expectSound(db);
    },
    SLOW_MS,
  );

  it(
    'books the other wallets if one fails, logs that one once with the SQLSTATE and nothing else, and ends',
    async () => {
      const asset = await someAsset(db);
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      const [bad = '', good = ''] = await Promise.all([1, 2].map(() => newWallet(db, asset, { bought: 10 })));
      for (const wallet_id of [bad, good])
        await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
      await tampering(db, (client) => client.query('delete from ledger.holds where wallet_id = $1', [bad]));
      const before = gateway.child.stdout.length;
      await age(db, '1 hour', 'later');

      await tick(db);
      await eventually('the other is booked', async () => {
        const { rows } = await db.query('select from ledger.entries where wallet_id = $1 and seq = 3', [good]);
        return rows.length === 1;
      });
      await noJob(db);
      await tick(db);
      await noJob(db);

      const told = () => linesOfLog(gateway.child.stderr).filter(({ wallet_id }) => wallet_id !== undefined);
      await eventually('it is told', () => Promise.resolve(told().length > 0));
      const msg = 'what is due in a wallet could not be booked';
      const { time, service, ...line } = told()[0] ?? {};
      expect([typeof time, typeof service]).toEqual(['string', 'string']);
      expect(line).toEqual({ level: 'error', wallet_id: bad, sqlstate: 'XX001', failures: 1, msg });
      expect(told()).toHaveLength(1);
      // The log counts booked wallets, not tried ones.
      await gateway.child.prints(/"wallets":1,/);
      expect(gateway.child.stdout.slice(before).match(/booked what was due/g)).toHaveLength(1);
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      expect(metrics).toMatch(/^ledger_unsettled_wallets 1$/m);
    },
    SLOW_MS,
  );

  async function booked(): Promise<object[]> {
    const { rows } = await db.query(
      'select wallet_id, kind, amount, idem_key, actor from ledger.transfers where idem_key is null',
    );
    return rows;
  }
});

describe('two services on one database', () => {
  const { db } = createServices(2);

  it(
    'never run at the same time, but both run',
    async () => {
      await eventually('both listen', async () => (await listenersOf(db)) === 2);
      await db.query('update behaviour set seconds = 0.2');

      await Promise.all(Array.from({ length: 20 }, () => tick(db, null)));
      await eventually('no job is left', async () => {
        // Wakes both workers.
        await db.query("select pg_notify('jobs:insert', '{\"count\": 1}')");
        return (await jobsOf(db)).length === 0;
      });

      expect((await callsOf(db)).length).toBeGreaterThanOrEqual(20);
      // The worker that has just run looks for the next job first; after a pause either may be first.
      await eventually('both have worked', async () => {
        await tick(db, null);
        await noJob(db);
        return new Set((await callsOf(db)).map(({ worker }) => worker)).size === 2;
      });

      const { rows: overlaps } = await db.query(
        'select from calls a join calls b on a.ctid < b.ctid and a.started < b.ended and b.started < a.ended',
      );
      expect(overlaps).toHaveLength(0);
    },
    SLOW_MS,
  );
});

describe('a service after SIGTERM', () => {
  const { db } = createServices(0);

  it(
    'lets the current batch finish, starts none, and leaves no lock',
    async () => {
      const gateway = new Gateway(db, {});
      await gateway.start();
      await hold(db);
      await makeDue(db, 3500);
      await tick(db);
      await isHeld(db);

      gateway.child.signal('SIGTERM');
      await eventually('it takes no more jobs', async () => (await listenersOf(db)) === 0);
      await letGo(db);

      expect(await gateway.stop()).toBe(0);
      expect(await bookingsOf(db)).toEqual([['wallet_worker', 1000]]);
      expect((await db.query('select from due')).rowCount).toBe(2500);
      expect((await db.query('select from wallet_queue.jobs where locked_at is not null')).rowCount).toBe(0);
      expect(
        (await db.query('select from wallet_queue._private_job_queues where locked_at is not null')).rowCount,
      ).toBe(0);
      expect(gateway.child.stderr).toBe('');
    },
    SLOW_MS,
  );

  it(
    'exits in bounded time if the batch does not end',
    async () => {
      const gateway = new Gateway(db, {});
      await gateway.start();
      await hold(db);
      await tick(db);
      await isHeld(db);

      expect(await gateway.stop()).toBe(0);

      // The batch continues in a session whose client is gone.
      expect((await db.query('select held from behaviour')).rows).toEqual([{ held: true }]);
      expect(await isBooking(db)).toBe(true);
      await letGo(db);
    },
    SLOW_MS,
  );
});

describe('a service with a login for its worker', () => {
  const { db } = createServices(0);

  it('uses it', async () => {
    await withLogin(db, 'wallet_worker', async (url) => {
      const gateway = new Gateway(db, { WORKER_DATABASE_URL: url });
      await gateway.start();
      try {
        await makeDue(db, 1);
        await tick(db);
        await noJob(db);

        expect(await bookingsOf(db)).toEqual([['wallet_worker', 1]]);
        expect((await workersOf(db)).map(({ usename }) => usename)).toContain('wallet_worker');
      } finally {
        await gateway.stop();
      }
    });
  });

  it.each([
    ['that cannot log in', (url: URL) => (url.password = 'wrong'), /password|authentication/],
    ['of a server that does not answer', (url: URL) => (url.port = '1'), /ECONNREFUSED/],
  ])(
    'serves without a worker if the login is one %s, and logs that in one line each time',
    async (_what, spoil, line) => {
      const url = new URL(db.url);
      spoil(url);
      const gateway = new Gateway(db, { WORKER_DATABASE_URL: url.href });
      await gateway.start();
      const { child } = gateway;

      const lines = () => linesOfLog(child.stderr).sort((a, b) => String(a.msg).localeCompare(String(b.msg)));
      await eventually('the lines', () => Promise.resolve(lines().length === 3));

      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
      const told = { level: 'error', error: expect.stringMatching(line) as string };
      expect(lines()).toEqual([
        expect.objectContaining({ ...told, msg: 'poller' }),
        expect.objectContaining({ ...told, msg: 'webhooks' }),
        expect.objectContaining({ ...told, msg: 'worker' }),
      ]);
      const started = performance.now();
      expect(await gateway.stop()).toBe(0);
      // Much less than the ten seconds before the worker tries again.
      expect(performance.now() - started).toBeLessThan(9_000);
    },
  );
});
