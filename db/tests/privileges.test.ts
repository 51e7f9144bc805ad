import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { withLogin } from '../../src/testing.ts';
import {
  call,
  callAll,
  createDatabase,
  houseWallet,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  refusal,
  type Session,
  UNKNOWN_WALLET,
} from './helpers.ts';

const db = createDatabase();

const ACTORS = ['player', 'service', 'operator', 'auditor', 'job', 'gateway', 'stranger'] as const;
type Actor = (typeof ACTORS)[number];
const FLOWS: Actor[] = ['service', 'operator', 'job'];
const READERS: Actor[] = ['player', 'service', 'operator', 'auditor', 'job'];

/** Who may call what; whoever is not named may not. */
const MAY_EXECUTE: Record<string, Actor[]> = {
  'ledger.asset_create': ['operator'],
  'ledger.wallet_open': FLOWS,
  'ledger.wallet_open_many': FLOWS,
  'ledger.wallet_top_up': FLOWS,
  'ledger.wallet_bonus': FLOWS,
  'ledger.wallet_spend': FLOWS,
  'ledger.wallet_transfer': FLOWS,
  'ledger.wallet_hold': FLOWS,
  'ledger.wallet_capture': FLOWS,
  'ledger.wallet_release': FLOWS,
  'ledger.wallet_post_batch': FLOWS,
  'ledger.wallet_reverse': ['operator'],
  'ledger.wallet_freeze': ['operator'],
  'ledger.wallet_close': ['operator'],
  'ledger.wallet_reopen': ['operator'],
  'ledger.asset_limit_set': ['operator'],
  'ledger.wallet_expire_due': ['job'],
  'ledger.wallet_id': READERS,
  'ledger.wallet_balance': READERS,
  'ledger.wallet_balance_at': READERS,
  'ledger.wallet_statement': READERS,
  'ledger.wallet_explain': READERS,
  'ledger.wallet_history': READERS,
  'ledger.entries_counterparty': READERS,
  'ledger.ledger_notify': ['job'],
  'ledger.wallets_seq': READERS,
  'ledger.wallets_balance': READERS,
  'ledger.wallets_bonus_balance': READERS,
  'ledger.wallets_held_balance': READERS,
  'ledger.wallets_available': READERS,
  'ledger.wallets_holds': READERS,
  'ledger.holds_status': READERS,
  'ledger.holds_closing': READERS,
  'ledger.assets_limits': READERS,
  'ledger.ledger_events': ['service', 'operator', 'auditor', 'job'],
  'ledger.ledger_seal': ['job'],
  'ledger.ledger_prove': ['job'],
  'ledger.ledger_verify_seals': ['auditor'],
  'ledger.ledger_metrics': ['auditor', 'gateway'],
  'ledger.ledger_unsettled': ['auditor', 'job'],
  'ledger.ledger_trial_balance': ['auditor'],
  'ledger.ledger_verify': ['auditor'],
  'ledger.wallet_stripe': ['auditor'],
};
/** Each with a column that an update could name. */
const TABLES: Record<string, string> = {
  'ledger.assets': 'created_at',
  'ledger.asset_limits': 'created_at',
  'ledger.wallets': 'created_at',
  'ledger.wallet_events': 'created_at',
  'ledger.transfers': 'created_at',
  'ledger.entries': 'created_at',
  'ledger.holds': 'created_at',
  'ledger.bonus_lots': 'amount',
  'ledger.bonus_lot_draws': 'amount',
  'ledger.feed_epochs': 'started_at',
  'ledger.blocks': 'sealed_at',
  'ledger.block_heads': 'seq',
  'ledger.block_records': 'seq',
  'ledger.verifications': 'started_at',
  'ledger_private.open_holds': 'expires_at',
  'ledger_private.open_lots': 'due_at',
  'ledger_private.unsealed_events': 'seq',
  'ledger_private.unsettled_wallets': 'failed_at',
};

/** Where not every role of the ledger reads a table: those that do. */
const TABLE_READERS: Record<string, Actor[]> = {
  'ledger.feed_epochs': ['service', 'operator', 'auditor', 'job'],
  'ledger.blocks': ['auditor', 'job'],
  'ledger.block_heads': ['auditor'],
  'ledger.block_records': ['auditor'],
  'ledger_private.unsealed_events': ['auditor'],
  'ledger.verifications': ['auditor'],
  'ledger_private.unsettled_wallets': ['auditor', 'job'],
};

const CALLS: Record<string, string> = {
  asset_create: "'NEW', 'New'",
  wallet_open: "'p', 'NEW'",
  wallet_open_many: "array['p'], 'NEW'",
  wallet_id: "'p', 'NEW'",
  wallet_stripe: 'uuidv7()',
  wallet_balance: 'uuidv7()',
  wallet_balance_at: "uuidv7(), 'infinity'",
  wallet_statement: "uuidv7(), '-infinity', 'infinity'",
  wallet_explain: 'uuidv7()',
  wallet_history: 'uuidv7()',
  wallet_top_up: "uuidv7(), 1, 'k'",
  wallet_bonus: "uuidv7(), 1, 'k'",
  wallet_spend: "uuidv7(), 1, 'k'",
  wallet_transfer: "uuidv7(), uuidv7(), 1, 'k'",
  wallet_hold: "uuidv7(), 1, 'k'",
  wallet_capture: "uuidv7(), uuidv7(), 'k'",
  wallet_release: "uuidv7(), uuidv7(), 'k'",
  wallet_reverse: "uuidv7(), uuidv7(), 'k'",
  wallet_post_batch: "array[row('top_up', uuidv7(), null, 1, 'k', null, '{}')::ledger.wallet_request]",
  wallet_freeze: "uuidv7(), 'why'",
  wallet_close: "uuidv7(), 'why'",
  wallet_reopen: "uuidv7(), 'why'",
  wallet_expire_due: '',
  asset_limit_set: "'NEW', 1",
  ledger_events: '',
  ledger_seal: '',
  ledger_prove: '',
  ledger_verify_seals: '',
  ledger_metrics: '',
  ledger_unsettled: '',
  ledger_notify: '',
  wallets_seq: 'null::ledger.wallets',
  ledger_trial_balance: '',
  ledger_verify: '',
  entries_counterparty: 'null::ledger.entries',
  wallets_balance: 'null::ledger.wallets',
  wallets_bonus_balance: 'null::ledger.wallets',
  wallets_held_balance: 'null::ledger.wallets',
  wallets_available: 'null::ledger.wallets',
  wallets_holds: 'null::ledger.wallets',
  holds_status: 'null::ledger.holds',
  holds_closing: 'null::ledger.holds',
  assets_limits: 'null::ledger.assets',
};

const connect: Record<Actor, (sub?: string) => Promise<pg.Client>> = {
  player: (sub = 'p') => db.connectAs('player', sub),
  service: () => db.connectAs('service', 'shop'),
  operator: () => db.connectAs('operator', 'op'),
  auditor: () => db.connectAs('auditor', 'audit'),
  job: () => db.connectJob(),
  gateway: () => db.connectLogin('wallet_gateway'),
  stranger: () => db.connectLogin('wallet_test_stranger'),
};

/** "ok", or the code of the error; nothing of it stays. */
async function outcome(session: pg.Client, sql: string): Promise<string> {
  await session.query('begin');
  try {
    await session.query(sql);
    return 'ok';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  } finally {
    await session.query('rollback');
  }
}

describe.each(ACTORS)('%s', (actor) => {
  let session: pg.Client;
  beforeAll(async () => {
    session = await connect[actor]();
  });

  it.each(Object.entries(CALLS))('calls %s, or is refused (42501), as the matrix says', async (name, args) => {
    const result = await outcome(session, `select ledger.${name}(${args})`);

    expect(result).toMatch(MAY_EXECUTE[`ledger.${name}`]?.includes(actor) ? /^(ok|WLNOW|WLNOA)$/ : /^42501$/);
  });

  it.each(Object.entries(TABLES))(
    'reads %s only with a role of the ledger, and never writes it (42501)',
    async (table, column) => {
      const results = {
        select: await outcome(session, `select * from ${table}`),
        insert: await outcome(session, `insert into ${table} select * from ${table} limit 0`),
        update: await outcome(session, `update ${table} set ${column} = ${column} where false`),
        delete: await outcome(session, `delete from ${table} where false`),
        truncate: await outcome(session, `truncate ${table} cascade`),
        lock: await outcome(session, `lock ${table} in access exclusive mode`),
      };

      expect(results).toEqual({
        select: (TABLE_READERS[table] ?? READERS).includes(actor) ? 'ok' : '42501',
        insert: '42501',
        update: '42501',
        delete: '42501',
        truncate: '42501',
        lock: '42501',
      });
    },
  );

  it("may not make anything of its own in the ledger's schemas (42501)", async () => {
    for (const schema of ['ledger', 'ledger_private']) {
      expect(await outcome(session, `create table ${schema}.mine (id int)`)).toBe('42501');
      expect(await outcome(session, `create function ${schema}.mine() returns int language sql as 'select 1'`)).toBe(
        '42501',
      );
    }
  });
});

/** What others have, and what anybody may do in a PostgreSQL that nobody has closed. */
const NOT_YOURS: Record<string, string> = {
  'make a temporary table': 'create temporary table mine (id int)',
  'make a temporary view': 'create temporary view mine as select 1 as id',
  'make a temporary sequence': 'create temporary sequence mine',
  'make a temporary function': "create function pg_temp.mine() returns int language sql as 'select 1'",
  'make a large object': 'select lo_create(0)',
  'make a large object of bytes': "select lo_from_bytea(0, 'bytes')",
  'make a table in the schema public': 'create table public.mine (id int)',
  'make a function in the schema public': "create function public.mine() returns int language sql as 'select 1'",
  'make a schema': 'create schema mine',
  'install an extension': 'create extension pgcrypto',
  'publish tables': 'create publication mine',
  'make a login': 'create role mine login',
  "change another login's settings": "alter role wallet_worker set statement_timeout = '1ms'",
  "change a login's limit": 'alter role wallet_gateway connection limit 0',
  'grant a role': 'grant wallet_operator to wallet_test_stranger',
  'change the database': 'alter database :database connection limit 0',
  'describe the database': "comment on database :database is 'mine'",
  "take the poller's turn": 'select gateway.take_poller_turn()',
  "lock the poller's turn": 'lock table gateway.poller_turn in exclusive mode',
  "read the poller's turn": 'lock table gateway.poller_turn in access share mode',
  'read the log of changes': 'select pg_logical_slot_get_changes($$x$$, null, null)',
  'switch triggers off': "set session_replication_role = 'replica'",
  'read files': "select pg_read_file('PG_VERSION')",
  'run programs': "copy (select 1) to program 'cat'",
};
const WRITERS_LOCKS = [
  'row share',
  'row exclusive',
  'share update exclusive',
  'share',
  'share row exclusive',
  'exclusive',
  'access exclusive',
];

describe.each(ACTORS)('with the rights of %s a session', (actor) => {
  let session: pg.Client;
  beforeAll(async () => {
    session = await connect[actor]();
  });

  it.each(Object.entries(NOT_YOURS))('may not %s (42501)', async (_what, sql) => {
    expect(await outcome(session, sql.replace(':database', db.name))).toBe('42501');
  });

  it('may lock no table of the ledger against those who write (42501)', async () => {
    for (const table of Object.keys(TABLES))
      for (const mode of WRITERS_LOCKS)
        expect([table, mode, await outcome(session, `lock table ${table} in ${mode} mode`)]).toEqual([
          table,
          mode,
          '42501',
        ]);
  });

  it('may become nobody else (42501)', async () => {
    const own: Partial<Record<Actor, string[]>> = {
      gateway: ['player', 'service', 'operator', 'auditor', 'gateway'],
      job: ['job'],
      // A session of the gateway, which may go back to its login and from there to another role.
      ...Object.fromEntries(
        ['player', 'service', 'operator', 'auditor'].map((role) => [
          role,
          ['player', 'service', 'operator', 'auditor', 'gateway'],
        ]),
      ),
    };
    for (const role of ['player', 'service', 'operator', 'auditor', 'job', 'gateway', 'worker', 'owner']) {
      const may = (own[actor] ?? []).includes(role);
      expect([role, await outcome(session, `set role wallet_${role}`)]).toEqual([role, may ? 'ok' : '42501']);
    }
  });
});

describe('the database', () => {
  /** What a session that this login opened itself has come to. */
  async function connects(url: string): Promise<string> {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.query('select');
      return 'ok';
    } catch (error) {
      return String((error as { code?: unknown }).code);
    } finally {
      await client.end();
    }
  }

  /** A login for one test: logins belong to the cluster. */
  async function withNewLogin(options: string, work: (name: string) => Promise<void>): Promise<void> {
    const name = `wallet_test_${randomUUID().slice(0, 8)}`;
    await db.query(`create role ${name} login ${options}`);
    try {
      await work(name);
    } finally {
      await db.query(`drop owned by ${name}; drop role ${name}`);
    }
  }

  it('refuses a login without a membership (42501)', async () => {
    await withNewLogin('', (name) =>
      withLogin(db, name, async (url) => {
        expect(await connects(url)).toBe('42501');
      }),
    );
  });

  it.each(['player', 'service', 'operator', 'auditor', 'job'])('admits a login that is a member of wallet_%s', (role) =>
    withNewLogin(`in role wallet_${role}`, (name) =>
      withLogin(db, name, async (url) => {
        expect(await connects(url)).toBe('ok');
      }),
    ),
  );

  it('admits a member that inherits nothing (NOINHERIT) only where CONNECT is granted to it by name (42501)', () =>
    withNewLogin('noinherit in role wallet_auditor', (name) =>
      withLogin(db, name, async (url) => {
        expect(await connects(url)).toBe('42501');
        await db.query(`grant connect on database ${db.name} to ${name}`);
        expect(await connects(url)).toBe('ok');
      }),
    ));

  it.each(['wallet_gateway', 'wallet_worker'])('admits %s, up to a number of connections', async (login) => {
    await withLogin(db, login, async (url) => {
      expect(await connects(url)).toBe('ok');
    });
    const { rows } = await db.query<{ most: number; room: number }>(
      "select rolconnlimit as most, current_setting('max_connections')::int as room from pg_roles where rolname = $1",
      [login],
    );
    expect(rows[0]?.most).toBeGreaterThan(0);
    expect(rows[0]?.most).toBeLessThan((rows[0]?.room ?? 0) * 0.7);
  });

  it('gives PUBLIC nothing, and the roles of the service CONNECT alone', async () => {
    const { rows } = await db.query<{ grantee: string; privileges: string[] }>(
      `select case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
         array_agg(a.privilege_type order by 1) as privileges
       from pg_database d cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
       where d.datname = current_database() and a.grantee <> d.datdba group by 1 order by 1`,
    );

    expect(rows).toEqual(
      ['auditor', 'gateway', 'job', 'operator', 'player', 'service', 'worker'].map((role) => ({
        grantee: `wallet_${role}`,
        privileges: ['CONNECT'],
      })),
    );
  });

  it('takes the statements of docs/roles.md as they are written', async () => {
    const text = await readFile(new URL('../../docs/roles.md', import.meta.url), 'utf8');
    const statements = [...text.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
      block.trim().split(/;$/m),
    );
    const session = await db.connect();

    // Logins belong to the cluster.
    await session.query('begin');
    for (const statement of statements)
      await session.query(statement.replace('database wallet ', `database ${db.name} `));
    const { rows } = await session.query(
      `select rolname as login, has_database_privilege(oid, current_database(), 'connect') as connects,
         has_database_privilege(oid, current_database(), 'temporary') as makes_temporary_objects
       from pg_roles where rolname in ('payout_job', 'kim_support', 'jane_audit', 'night_job') order by 1`,
    );
    await session.query('rollback');

    expect(statements.length).toBeGreaterThan(8);
    expect(rows).toEqual([
      { login: 'jane_audit', connects: false, makes_temporary_objects: false },
      { login: 'kim_support', connects: true, makes_temporary_objects: false },
      { login: 'night_job', connects: true, makes_temporary_objects: false },
      { login: 'payout_job', connects: true, makes_temporary_objects: true },
    ]);
  });

  it('lets nobody end a session of the gateway, of the worker or of an administrator, or read its statements (42501)', () =>
    withLogin(db, 'wallet_gateway', (gatewayUrl) =>
      withLogin(db, 'wallet_worker', async (workerUrl) => {
        const victims = [gatewayUrl, workerUrl, db.url].map((url) => new pg.Client({ connectionString: url }));
        try {
          await Promise.all(victims.map((victim) => victim.connect()));
          // Not those of the pool, which ends sessions that it does not need.
          const pids = victims.map((victim) => (victim as pg.Client & { processID: number }).processID);
          for (const role of ['player', 'service', 'operator', 'auditor', 'job'])
            await withNewLogin(`in role wallet_${role}`, async (name) => {
              const session = await db.connectLogin(name);
              for (const pid of pids) {
                expect([role, await outcome(session, `select pg_terminate_backend(${pid})`)]).toEqual([role, '42501']);
                expect([role, await outcome(session, `select pg_cancel_backend(${pid})`)]).toEqual([role, '42501']);
              }
              const { rows: seen } = await session.query(
                'select distinct query from pg_stat_activity where pid = any ($1)',
                [pids],
              );
              expect(seen).toEqual([{ query: '<insufficient privilege>' }]);
            });
        } finally {
          await Promise.all(victims.map((victim) => victim.end()));
        }
      }),
    ));
});

describe('grants, read from the catalogue,', () => {
  it('let each role execute what the matrix says, and nothing else of the schema ledger', async () => {
    const { rows } = await db.query<{ name: string; may: string[] }>(
      `select p.oid::regproc::text as name,
         array(select r.name from unnest(array['player', 'service', 'operator', 'auditor', 'job', 'gateway']) r (name)
           where has_function_privilege('wallet_' || r.name, p.oid, 'execute')) as may
       from pg_proc p where pronamespace = 'ledger'::regnamespace`,
    );

    expect(Object.fromEntries(rows.map(({ name, may }) => [name, may.sort()]))).toEqual(
      Object.fromEntries(Object.entries(MAY_EXECUTE).map(([name, may]) => [name, [...may].sort()])),
    );
  });

  it("give nothing of the ledger to public, and to the gateway's login only the figures for monitoring", async () => {
    const { rows } = await db.query(
      `select 'function' as what, p.oid::regprocedure::text as name
         from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
         where pronamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and a.grantee in (0, 'wallet_gateway'::regrole)
       union all
       select 'relation', c.oid::regclass::text from pg_class c cross join lateral aclexplode(c.relacl) a
         where relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and a.grantee in (0, 'wallet_gateway'::regrole)
       union all
       select 'column', attrelid::regclass || '.' || attname from pg_attribute join pg_class c on c.oid = attrelid
         where relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and attacl is not null
       union all
       select 'schema', nspname from pg_namespace cross join lateral aclexplode(nspacl) a
         where nspname in ('ledger', 'ledger_private') and a.grantee in (0, 'wallet_gateway'::regrole)`,
    );

    expect(rows).toEqual([
      { what: 'function', name: 'ledger.ledger_metrics()' },
      { what: 'schema', name: 'ledger' },
    ]);
  });

  it('let nobody write a table, and only roles of the ledger read it', async () => {
    const { rows } = await db.query<{ grantee: string; privileges: string[] }>(
      `select a.grantee::regrole::text as grantee, array_agg(distinct a.privilege_type) as privileges
       from pg_class c cross join lateral aclexplode(c.relacl) a
       where relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and relkind = 'r' and a.grantee <> c.relowner
       group by 1 order by 1`,
    );

    expect(rows.map(({ grantee }) => grantee)).toEqual([
      'wallet_auditor',
      'wallet_job',
      'wallet_operator',
      'wallet_player',
      'wallet_service',
    ]);
    for (const { privileges } of rows) expect(privileges).toEqual(['SELECT']);
  });

  it("make the gateway's login no more than a way to four roles", async () => {
    const { rows } = await db.query(
      `select r.rolname, m.inherit_option, m.set_option, m.admin_option from pg_auth_members m join pg_roles r on r.oid = m.roleid
       where m.member = 'wallet_gateway'::regrole order by 1`,
    );
    const {
      rows: [login],
    } = await db.query(
      "select rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = 'wallet_gateway'",
    );

    expect(rows).toEqual(
      ['auditor', 'operator', 'player', 'service'].map((role) => ({
        rolname: `wallet_${role}`,
        inherit_option: false,
        set_option: true,
        admin_option: false,
      })),
    );
    expect(login).toEqual({
      rolcanlogin: true,
      rolinherit: false,
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolbypassrls: false,
    });
  });

  it('let nobody log in as the owner or as a role of the ledger, and none pass row-level security', async () => {
    const { rows } = await db.query(
      `select rolname from pg_roles where rolname in
         ('wallet_owner', 'wallet_player', 'wallet_service', 'wallet_operator', 'wallet_auditor', 'wallet_job')
         and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole)`,
    );

    expect(rows).toEqual([]);
  });

  it("protect every table that holds a wallet's rows by row-level security, the owner's own reading aside", async () => {
    const { rows } = await db.query<{ name: string; protected: boolean }>(
      `select oid::regclass::text as name, relrowsecurity as protected from pg_class
       where relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and relkind in ('r', 'v', 'm', 'p', 'f')`,
    );

    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(TABLES).sort());
    // What concerns no wallet is there for all to read.
    expect(
      rows
        .filter((row) => !row.protected)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['ledger.assets', 'ledger.feed_epochs', 'ledger.blocks', 'ledger.verifications']);
  });
});

describe("the gateway's login", () => {
  it.each(['wallet_player', 'wallet_service', 'wallet_operator', 'wallet_auditor'])('may become %s', async (role) => {
    expect(await outcome(await connect.gateway(), `set role ${role}`)).toBe('ok');
  });

  it.each(['wallet_owner', 'wallet_job', 'postgres', 'wallet_test_stranger'])(
    'may not become %s (42501)',
    async (role) => {
      const {
        rows: [superuser],
      } = await db.query<{ name: string }>('select session_user as name');
      expect(
        await outcome(await connect.gateway(), `set role ${role === 'postgres' ? (superuser?.name ?? role) : role}`),
      ).toBe('42501');
    },
  );
});

describe('rows', () => {
  let asset = '';
  let owner = '';
  let own = '';
  let other = '';
  let sent = '';
  let received = '';
  beforeAll(async () => {
    asset = await newAsset(db);
    owner = newOwner();
    own = await newWallet(db, asset, { owner, bought: 10 });
    other = await newWallet(db, asset, { bought: 10 });
    ({ transfer_id: sent } = await call(db, 'wallet_transfer', {
      from_wallet: own,
      to_wallet: other,
      amount: 1,
      idem_key: newKey(),
    }));
    ({ transfer_id: received } = await call(db, 'wallet_transfer', {
      from_wallet: other,
      to_wallet: own,
      amount: 2,
      idem_key: newKey(),
    }));
    // Each has a lot, which a hold pins.
    for (const wallet_id of [own, other]) {
      await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at: '2999-12-31' });
      await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey(), expires_at: '2999-12-31' });
    }
  });

  /** What the session sees of this asset. */
  async function sees(session: Session): Promise<Record<string, number>> {
    const {
      rows: [counts],
    } = await session.query<Record<string, number>>(
      `select (select count(*)::int from ledger.wallets where asset_code = $1 and house is null) as wallets,
         (select count(*)::int from ledger.wallets where asset_code = $1 and house is not null) as house,
         (select count(*)::int from ledger.wallet_events where wallet_id in ($2, $3)) as events,
         (select count(*)::int from ledger.entries where wallet_id in ($2, $3)) as entries,
         (select count(*)::int from ledger.entries e where wallet_id not in ($2, $3)) as other_entries,
         (select count(*)::int from ledger.transfers
           where $2 in (debit_wallet_id, credit_wallet_id) or $3 in (debit_wallet_id, credit_wallet_id)) as transfers,
         (select count(*)::int from ledger.holds) as holds,
         (select count(*)::int from ledger.bonus_lots) as lots,
         (select count(*)::int from ledger.bonus_lot_draws) as draws,
         (select count(*)::int from ledger_private.open_holds) as open_holds,
         (select count(*)::int from ledger_private.open_lots) as open_lots`,
      [asset, own, other],
    );
    return counts ?? {};
  }

  it('of all players and none of the house are seen by services, operators and jobs', async () => {
    for (const actor of FLOWS) {
      expect({ actor, ...(await sees(await connect[actor]())) }).toEqual({
        actor,
        wallets: 2,
        house: 0,
        events: 2,
        entries: 10,
        other_entries: 0,
        transfers: 8,
        holds: 2,
        lots: 2,
        draws: 2,
        open_holds: 2,
        open_lots: 2,
      });
    }
  });

  it("are all seen by an auditor, the house's too", async () => {
    expect(await sees(await connect.auditor())).toEqual({
      wallets: 2,
      house: 132,
      events: 2,
      entries: 10,
      other_entries: 4,
      transfers: 8,
      holds: 2,
      lots: 2,
      draws: 2,
      open_holds: 2,
      open_lots: 2,
    });
  });

  it("are seen by a player where they are the player's own", async () => {
    expect(await sees(await connect.player(owner))).toEqual({
      wallets: 1,
      house: 0,
      events: 0,
      entries: 5,
      other_entries: 0,
      transfers: 4,
      holds: 1,
      lots: 1,
      draws: 1,
      open_holds: 1,
      open_lots: 1,
    });
  });

  it('show a player a transfer sent, and of one received the entry alone', async () => {
    const player = await connect.player(owner);

    const { rows: transfers } = await player.query<{ id: string }>('select id from ledger.transfers');
    const { rows: entries } = await player.query<{ transfer_id: string; wallet_id: string }>(
      'select transfer_id, wallet_id from ledger.entries',
    );

    expect(transfers.map(({ id }) => id)).toContain(sent);
    expect(transfers.map(({ id }) => id)).not.toContain(received);
    expect(entries.map(({ transfer_id }) => transfer_id)).toContain(received);
    expect(new Set(entries.map(({ wallet_id }) => wallet_id))).toEqual(new Set([own]));
  });

  it.each([
    ['empty', ''],
    ['absent', undefined],
    ['of somebody without a wallet', 'nobody'],
    ['almost right', ' '],
  ])('are not seen by a player whose subject is %s', async (_what, sub) => {
    const session = await db.connectAs('player', sub);
    for (const table of Object.keys(TABLES).filter(
      (name) => !name.startsWith('ledger.asset') && !TABLE_READERS[name],
    )) {
      expect({ table, rows: (await session.query(`select from ${table}`)).rowCount }).toEqual({ table, rows: 0 });
    }
  });

  it('of a wallet whose owner is called like a claim that was reset are seen by nobody without a subject', async () => {
    const session = await db.connectAs('player', owner);
    await session.query("select set_config('jwt.claims.sub', '', false)");

    expect((await session.query('select from ledger.wallets')).rowCount).toBe(0);
  });

  describe('for a SQL login that is a member of wallet_player', () => {
    const login = `wallet_test_${randomUUID().slice(0, 8)}`;
    beforeAll(() => db.query(`create role ${login} login in role wallet_player`));
    afterAll(() => db.query(`drop role ${login}`));
    const everything = Object.keys(TABLES).filter((name) => !name.startsWith('ledger.asset') && !TABLE_READERS[name]);

    it.each([
      ['with its own rights', []],
      ['in the role', ['set role wallet_player']],
      ['with claims of a transaction', ['begin', 'set local jwt.claims.role = wallet_player']],
    ])('are not seen, whatever it claims: %s', async (_what, statements: string[]) => {
      const session = await db.connectLogin(login);
      for (const statement of statements) await session.query(statement);
      for (const claimed of [owner, login, '', 'service:shop']) {
        await session.query("select set_config('jwt.claims.sub', $1, false)", [claimed]);
        for (const table of everything)
          expect([claimed, table, (await session.query(`select from ${table}`)).rowCount]).toEqual([claimed, table, 0]);
      }
    });

    it.each([
      ['wallet_balance', {}],
      ['wallet_explain', {}],
      ['wallet_balance_at', { at_time: 'infinity' }],
    ])('are not told by %s, whatever it claims (WLNOW)', async (name, args) => {
      const session = await db.connectLogin(login);
      await session.query("select set_config('jwt.claims.sub', $1, false)", [owner]);

      expect(await refusal(callAll(session, name, { wallet_id: own, ...args }))).toMatchObject({ code: 'WLNOW' });
      expect(await callAll(session, 'wallet_history', { wallet_id: own })).toEqual([]);
    });

    it("are not seen by an administrator in a player's role either, whatever it claims", async () => {
      const session = await db.connect();
      await session.query('set role wallet_player');
      await session.query("select set_config('jwt.claims.sub', $1, false)", [owner]);

      expect((await session.query('select from ledger.wallets')).rowCount).toBe(0);
    });
  });

  it('depend on claims that one function reads: no other function, policy, view or default does', async () => {
    const { rows } = await db.query(
      `select p.oid::regproc::text as name from pg_proc p
         where coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~ 'jwt|claims\\.'
           and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       union all select tablename || '.' || policyname from pg_policies where concat(qual, with_check) ~ 'jwt|current_setting'
       union all select viewname from pg_views where schemaname not in ('pg_catalog', 'information_schema') and definition ~ 'jwt|current_setting'
       union all select adrelid::regclass::text from pg_attrdef where pg_get_expr(adbin, adrelid) ~ 'jwt|current_setting'`,
    );

    expect(rows).toEqual([{ name: 'ledger_private.claimed_subject' }]);
  });

  it("are found for a player by one look-up of the claim, before the rows, and by the owner's index", async () => {
    const player = await connect.player(owner);
    await player.query('set enable_seqscan = off');
    for (const table of ['ledger.wallets', 'ledger.entries']) {
      const { rows } = await player.query<{ 'QUERY PLAN': string }>(
        `explain (verbose, costs off) select * from ${table}`,
      );
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');

      // Inlined: what is left of the function is a plan of its own that runs once.
      expect(plan).toMatch(/InitPlan [\s\S]*Output: CASE WHEN \(SESSION_USER = 'wallet_gateway'::name\)/);
      expect(plan).toMatch(/Index Cond: \(\w+\.owner_id = \(InitPlan/);
      expect(plan).not.toContain('claimed_subject');
    }
  });

  it("do not show a house wallet to a player whose subject looks like one's owner", async () => {
    for (const sub of ['null', 'treasury', 'house']) {
      expect((await (await db.connectAs('player', sub)).query('select from ledger.wallets')).rowCount).toBe(0);
    }
  });

  it("show no balance of another's wallet through a computed column", async () => {
    const player = await connect.player(owner);

    const { rows } = await player.query(
      "select ledger.wallets_balance(jsonb_populate_record(null::ledger.wallets, jsonb_build_object('id', $1::uuid))) as balance",
      [other],
    );

    expect(rows).toEqual([{ balance: '0' }]);
  });

  it("show nothing of another's wallet through the functions that list holds and parts of a balance", async () => {
    const player = await connect.player(owner);
    const wallet = "jsonb_populate_record(null::ledger.wallets, jsonb_build_object('id', $1::uuid))";

    for (const open of ['true', 'false', 'null'])
      expect((await player.query(`select from ledger.wallets_holds(${wallet}, ${open})`, [other])).rowCount).toBe(0);
    expect((await player.query(`select ledger.wallets_available(${wallet}) as available`, [other])).rows).toEqual([
      { available: '0' },
    ]);
    for (const [name, args] of [
      ['wallet_explain', {}],
      ['wallet_balance_at', { at_time: 'infinity' }],
    ] as const)
      expect(await refusal(callAll(player, name, { wallet_id: other, ...args }))).toMatchObject({ code: 'WLNOW' });
  });

  it("show nothing of what became of another's hold, nor whether there is one", async () => {
    const player = await connect.player(owner);
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id: other, amount: 1, idem_key: newKey() });
    const closing = await call(db, 'wallet_capture', { wallet_id: other, hold_id, idem_key: newKey() });
    const fates = async (session: Session) =>
      (
        await session.query<{ id: string | null }>(
          `select (ledger.holds_closing(jsonb_populate_record(null::ledger.holds, jsonb_build_object('wallet_id', $1::uuid, 'id', id)))).id
           from unnest($2::uuid[]) id`,
          [other, [hold_id, UNKNOWN_WALLET]],
        )
      ).rows.map(({ id }) => id);

    expect(await fates(db)).toEqual([closing.transfer_id, null]);
    expect(await fates(player)).toEqual([null, null]);
  });

  it('do not leak to a function that a player puts into the query', async () => {
    const player = await connect.player(owner);
    await db.query(`grant temporary on database ${db.name} to wallet_player`);
    await player.query(`create function pg_temp.spy(text) returns boolean language plpgsql cost 0.0001 as
      'begin raise notice ''%'', $1; return true; end'`);
    await db.query(`revoke temporary on database ${db.name} from wallet_player`);
    const seen: string[] = [];
    player.on('notice', ({ message }) => seen.push(message ?? ''));

    await player.query('select from ledger.wallets where pg_temp.spy(owner_id)');

    expect(seen).toEqual([owner]);
  });
});

describe("the house's wallets", () => {
  let asset = '';
  let player = '';
  let bought = '';
  let sessions: Record<string, Session> = {};
  beforeAll(async () => {
    sessions = {
      superuser: db,
      operator: await connect.operator(),
      job: await connect.job(),
      auditor: await connect.auditor(),
    };
    asset = await newAsset(db);
    player = await newWallet(db, asset, { bonus: 10 });
    ({ transfer_id: bought } = await call(db, 'wallet_top_up', { wallet_id: player, amount: 10, idem_key: newKey() }));
    await call(db, 'wallet_spend', { wallet_id: player, amount: 5, idem_key: newKey() });
  });

  const accounts = ['treasury', 'promotions', 'revenue', 'breakage'].flatMap((house) =>
    [0, 17, 31, 32].map((stripe) => ({ house, stripe })),
  );
  const calls: Record<string, (house: string) => Record<string, unknown>> = {
    wallet_top_up: (wallet_id) => ({ wallet_id, amount: 1, idem_key: newKey() }),
    wallet_bonus: (wallet_id) => ({ wallet_id, amount: 1, idem_key: newKey() }),
    wallet_spend: (wallet_id) => ({ wallet_id, amount: 1, idem_key: newKey() }),
    wallet_hold: (wallet_id) => ({ wallet_id, amount: 1, idem_key: newKey() }),
    wallet_capture: (wallet_id) => ({ wallet_id, hold_id: UNKNOWN_WALLET, idem_key: newKey() }),
    wallet_release: (wallet_id) => ({ wallet_id, hold_id: UNKNOWN_WALLET, idem_key: newKey() }),
    wallet_reverse: (wallet_id) => ({ wallet_id, transfer_id: bought, idem_key: newKey() }),
    wallet_freeze: (wallet_id) => ({ wallet_id, reason: 'why' }),
    wallet_close: (wallet_id) => ({ wallet_id, reason: 'why' }),
    wallet_reopen: (wallet_id) => ({ wallet_id, reason: 'why' }),
    wallet_balance: (wallet_id) => ({ wallet_id }),
    wallet_balance_at: (wallet_id) => ({ wallet_id, at_time: 'infinity' }),
    wallet_explain: (wallet_id) => ({ wallet_id }),
    ledger_verify: (wallet_id) => ({ wallet_id }),
  };

  it.each(accounts)('cannot be named as an argument: $house, stripe $stripe (WLNOW)', async ({ house, stripe }) => {
    const id = await houseWallet(db, asset, house, stripe);

    for (const [actor, session] of Object.entries(sessions)) {
      for (const [name, args] of Object.entries(calls)) {
        if (actor !== 'superuser' && !MAY_EXECUTE[`ledger.${name}`]?.includes(actor as Actor)) continue;
        expect([actor, name, await refusal(callAll(session, name, args(id)))]).toMatchObject([
          actor,
          name,
          { code: 'WLNOW', detail: { wallet_id: id } },
        ]);
      }
    }
    for (const [from_wallet, to_wallet] of [
      [id, player],
      [player, id],
      [id, UNKNOWN_WALLET],
    ]) {
      expect(
        await refusal(call(db, 'wallet_transfer', { from_wallet, to_wallet, amount: 1, idem_key: newKey() })),
      ).toMatchObject({ code: 'WLNOW' });
    }
    for (const item of [
      `row('top_up', '${id}', null, 1, 'k', null, '{}')`,
      `row('bonus', '${id}', null, 1, 'k', null, '{}')`,
      `row('spend', '${id}', null, 1, 'k', null, '{}')`,
      `row('transfer', '${id}', '${player}', 1, 'k', null, '{}')`,
      `row('transfer', '${player}', '${id}', 1, 'k', null, '{}')`,
    ]) {
      expect([
        item,
        await refusal(db.query(`select from ledger.wallet_post_batch(array[${item}::ledger.wallet_request])`)),
      ]).toMatchObject([item, { code: 'WLNOW', detail: { wallet_id: id, index: 0 } }]);
    }
  });

  it.each(accounts)('have no history for those who act: $house, stripe $stripe', async ({ house, stripe }) => {
    const id = await houseWallet(db, asset, house, stripe);

    for (const actor of FLOWS)
      expect(await callAll(await connect[actor](), 'wallet_history', { wallet_id: id })).toEqual([]);
  });

  it('cannot move credits between each other (WLNOW)', async () => {
    const [treasury, revenue] = [
      await houseWallet(db, asset, 'treasury', 0),
      await houseWallet(db, asset, 'revenue', 0),
    ];

    expect(
      await refusal(
        call(db, 'wallet_transfer', { from_wallet: treasury, to_wallet: revenue, amount: 1, idem_key: newKey() }),
      ),
    ).toMatchObject({ code: 'WLNOW' });
  });

  it('a service reads one wallet without reading all of them: its policies hold no EXISTS, which becomes a hash table', async () => {
    const { rows } = await db.query<{ tablename: string; qual: string }>(
      `select tablename, qual from pg_policies
       where schemaname in ('ledger', 'ledger_private') and 'wallet_service' = any(roles)
         and tablename not in ('wallets', 'asset_limits')
       order by tablename`,
    );

    expect(rows.map(({ tablename }) => tablename)).toEqual([
      'bonus_lot_draws',
      'bonus_lots',
      'entries',
      'holds',
      'open_holds',
      'open_lots',
      'transfers',
      'wallet_events',
    ]);
    expect(rows.filter(({ qual }) => /exists/i.test(qual))).toEqual([]);
  });
});
