import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { withLogin } from '../../src/testing.ts';
import {
  call,
  callAll,
  createDatabase,
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
  'ledger.asset_set': ['operator'],
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
  'ledger.wallet_post_each': FLOWS,
  'ledger.request': FLOWS,
  'ledger.wallet_exchange': FLOWS,
  'ledger.wallet_reverse': ['operator'],
  'ledger.wallet_adjust': ['operator'],
  'ledger.wallet_merge': ['operator'],
  'ledger.wallet_opening': ['operator'],
  'ledger.wallet_collect': ['operator'],
  'ledger.wallet_forgive': ['operator'],
  'ledger.wallet_freeze': ['operator'],
  'ledger.wallet_close': ['operator'],
  'ledger.wallet_reopen': ['operator'],
  'ledger.asset_limit_set': ['operator'],
  'ledger.wallet_limit_set': ['operator'],
  'ledger.wallet_expire_due': ['job'],
  // An administrator's.
  'ledger.transfer_redact': [],
  'ledger.wallet_node': READERS,
  'ledger.wallet_id': READERS,
  'ledger.wallet_balance': READERS,
  'ledger.wallet_balance_at': READERS,
  'ledger.wallet_statement': READERS,
  'ledger.wallet_explain': READERS,
  'ledger.wallet_history': READERS,
  'ledger.entries_side': READERS,
  'ledger.entries_counterparty': READERS,
  'ledger.ledger_notify': ['job'],
  'ledger.wallets_seq': READERS,
  'ledger.wallets_owed': READERS,
  'ledger.wallets_balance': READERS,
  'ledger.wallets_bonus_balance': READERS,
  'ledger.wallets_held_balance': READERS,
  'ledger.wallets_available': READERS,
  'ledger.wallets_holds': READERS,
  'ledger.holds_status': READERS,
  'ledger.holds_closing': READERS,
  'ledger.assets_limits': READERS,
  'ledger.wallets_limits': READERS,
  'ledger.ledger_events': ['service', 'operator', 'auditor', 'job'],
  'ledger.ledger_events_newest': ['service', 'operator', 'auditor', 'job'],
  'ledger.ledger_state': ['operator', 'auditor'],
  'ledger.transfers_reversible': READERS,
  'ledger.wallets_page': READERS,
  'ledger.transfers_page': ['service', 'operator', 'auditor', 'job'],
  'ledger.holds_page': ['service', 'operator', 'auditor', 'job'],
  'ledger.expiring_lots_page': ['service', 'operator', 'auditor', 'job'],
  'ledger.operator_actions_page': ['operator', 'auditor'],
  'ledger.ledger_seal': ['job'],
  'ledger.ledger_prove': ['job'],
  'ledger.ledger_verify_seals': ['auditor'],
  'ledger.ledger_metrics': ['auditor', 'gateway'],
  'ledger.ledger_unsettled': ['auditor', 'job'],
  'ledger.blocks_final_until': ['operator', 'auditor', 'job'],
  'ledger.ledger_trial_balance': ['operator', 'auditor'],
  'ledger.ledger_balances_at': ['operator', 'auditor'],
  'ledger.ledger_activity': ['operator', 'auditor'],
  'ledger.ledger_journal': ['operator', 'auditor'],
  'ledger.ledger_verify': ['auditor'],
};
/** Each with a column that an update could name. */
const TABLES: Record<string, string> = {
  'ledger.assets': 'created_at',
  'ledger.asset_limits': 'created_at',
  'ledger.wallets': 'created_at',
  'ledger.wallet_events': 'created_at',
  'ledger.wallet_limits': 'max_spend',
  'ledger.redactions': 'metadata_hash',
  'ledger.unique_references': 'seq',
  'ledger.entries': 'created_at',
  'ledger.holds': 'created_at',
  'ledger.bonus_lots': 'amount',
  'ledger.bonus_lot_draws': 'amount',
  'ledger.feed_epochs': 'started_at',
  'ledger.blocks': 'sealed_at',
  'ledger.house_totals': 'amount',
  'ledger.block_heads': 'seq',
  'ledger.block_records': 'seq',
  'ledger.verifications': 'started_at',
  'ledger_private.node_ranges': 'last_id',
  'ledger_private.other_ranges': 'node',
  'ledger_private.open_holds': 'expires_at',
  'ledger_private.open_lots': 'due_at',
  'ledger_private.unsealed_events': 'seq',
  'ledger_private.unsettled_wallets': 'failed_at',
};
/** Each shows what its reader may see of the tables, and who that is. */
const VIEWS: Record<string, Actor[]> = {
  'ledger.transfers': READERS,
  'ledger.journal': ['auditor', 'job'],
  'ledger.expiring_lots': READERS,
  'ledger.operator_actions': ['operator', 'auditor'],
};

/** Where not every role of the ledger reads a table: those that do. */
const TABLE_READERS: Record<string, Actor[]> = {
  'ledger.feed_epochs': ['service', 'operator', 'auditor', 'job'],
  'ledger.blocks': ['operator', 'auditor', 'job'],
  'ledger.house_totals': ['operator', 'auditor', 'job'],
  'ledger.block_heads': ['operator', 'auditor'],
  'ledger.block_records': ['auditor'],
  'ledger_private.unsealed_events': ['auditor'],
  'ledger.verifications': ['operator', 'auditor'],
  'ledger.redactions': ['auditor'],
  'ledger.unique_references': ['auditor'],
  'ledger_private.unsettled_wallets': ['auditor', 'job'],
  'ledger_private.node_ranges': ['operator', 'auditor', 'job'],
  'ledger_private.other_ranges': ['operator', 'auditor', 'job'],
};

const CALLS: Record<string, string> = {
  asset_create: "'NEW', 'New'",
  asset_set: "'NONE', 'payment'",
  wallet_open: "'p', 'NEW'",
  wallet_open_many: "array['p'], 'NEW'",
  wallet_id: "'p', 'NEW'",
  wallet_node: 'uuidv7()',
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
  wallet_exchange: "uuidv7(), uuidv7(), 1, 1, 'k'",
  wallet_adjust: "uuidv7(), 'credit', 1, 'k', 'why'",
  wallet_merge: "uuidv7(), uuidv7(), 'k', 'why'",
  wallet_opening: "uuidv7(), 1, 'k'",
  wallet_collect: "uuidv7(), 1, 'k'",
  wallet_forgive: "uuidv7(), 1, 'k', 'why'",
  wallet_post_batch: "array[ledger.request('top_up', uuidv7(), null, 1, 'k', null, '{}')]",
  wallet_post_each: "array[ledger.request('top_up', uuidv7(), null, 1, 'k')]",
  request: "'top_up', uuidv7()",
  wallet_freeze: "uuidv7(), 'why'",
  wallet_close: "uuidv7(), 'why'",
  wallet_reopen: "uuidv7(), 'why'",
  wallet_expire_due: '',
  transfer_redact: "uuidv7(), 'why'",
  asset_limit_set: "'NEW', 1",
  wallet_limit_set: 'uuidv7(), 1',
  ledger_events: '',
  ledger_events_newest: '',
  ledger_state: '',
  transfers_reversible: 'null::ledger.transfers',
  wallets_page: '',
  transfers_page: '',
  holds_page: '',
  expiring_lots_page: '',
  operator_actions_page: 'clock_timestamp()',
  ledger_seal: '',
  ledger_prove: '',
  ledger_verify_seals: '',
  ledger_metrics: '',
  ledger_unsettled: '',
  ledger_notify: '',
  wallets_seq: 'null::ledger.wallets',
  wallets_owed: 'null::ledger.wallets',
  ledger_trial_balance: '',
  ledger_balances_at: "array['2026-01-01Z'::timestamptz]",
  ledger_activity: "'GOLD', '2026-01-01Z', '2026-02-01Z'",
  ledger_journal: '',
  ledger_verify: '',
  entries_side: 'null::ledger.entries',
  blocks_final_until: 'null::ledger.blocks',
  entries_counterparty: 'null::ledger.entries',
  wallets_balance: 'null::ledger.wallets',
  wallets_bonus_balance: 'null::ledger.wallets',
  wallets_held_balance: 'null::ledger.wallets',
  wallets_available: 'null::ledger.wallets',
  wallets_holds: 'null::ledger.wallets',
  holds_status: 'null::ledger.holds',
  holds_closing: 'null::ledger.holds',
  assets_limits: 'null::ledger.assets',
  wallets_limits: 'null::ledger.wallets',
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

  it.each(Object.entries(VIEWS))(
    'reads the view %s only where it may, and never writes through it',
    async (view, readers) => {
      const results = {
        select: await outcome(session, `select * from ${view}`),
        writes: [
          await outcome(session, `insert into ${view} select * from ${view} limit 0`),
          await outcome(session, `update ${view} set wallet_id = wallet_id where false`),
          await outcome(session, `delete from ${view} where false`),
          await outcome(session, `truncate ${view} cascade`),
          await outcome(session, `lock ${view} in access exclusive mode`),
        ],
      };

      expect(results.select).toBe(readers.includes(actor) ? 'ok' : '42501');
      // Most are refused because it is a view, whoever asks.
      for (const code of results.writes) expect(code).toMatch(/^(42501|42809|55000|0A000)$/);
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

  it('takes the statements of docs/operate/roles.md as they are written', async () => {
    const text = await readFile(new URL('../../docs/operate/roles.md', import.meta.url), 'utf8');
    const statements = [...text.matchAll(/^```sql[^\n]*\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
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
       where relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and relkind in ('r', 'v') and a.grantee <> c.relowner
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

  it("protect every table that holds a wallet's rows by row-level security, the owner's own reading aside, and views by theirs", async () => {
    const { rows } = await db.query<{ name: string; kind: string; protected: boolean }>(
      `select oid::regclass::text as name, relkind::text as kind,
         case relkind when 'v' then coalesce('security_invoker=true' = any (reloptions), false) else relrowsecurity end as protected
       from pg_class
       where relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and relkind in ('r', 'v', 'm', 'p', 'f')`,
    );
    const named = (of: typeof rows) => of.map(({ name }) => name).sort();

    expect(named(rows.filter(({ kind }) => kind === 'r'))).toEqual(Object.keys(TABLES).sort());
    expect(named(rows.filter(({ kind }) => kind !== 'r'))).toEqual(Object.keys(VIEWS).sort());
    // What concerns no wallet is there for all to read who may.
    expect(named(rows.filter((row) => !row.protected))).toEqual(
      [
        'ledger.assets',
        'ledger.feed_epochs',
        'ledger.blocks',
        'ledger.house_totals',
        'ledger.verifications',
        'ledger_private.node_ranges',
        'ledger_private.other_ranges',
      ].sort(),
    );
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
      `select (select count(*)::int from ledger.wallets where asset_code = $1) as wallets,
         (select count(*)::int from ledger.wallet_events where wallet_id in ($2, $3)) as events,
         (select count(*)::int from ledger.entries where wallet_id in ($2, $3)) as entries,
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

  it.each(READERS.filter((actor) => actor !== 'player'))('of all players are seen by the role %s', async (actor) => {
    expect(await sees(await connect[actor]())).toEqual({
      wallets: 2,
      events: 2,
      entries: 10,
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
      events: 0,
      entries: 5,
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

  it("of the house are nobody's: a player whose subject is the name of an account sees none", async () => {
    for (const sub of ['null', 'treasury', 'house']) {
      const session = await db.connectAs('player', sub);
      for (const relation of ['ledger.wallets', 'ledger.entries', 'ledger.transfers'])
        expect((await session.query(`select from ${relation}`)).rowCount).toBe(0);
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

describe('an account of the house', () => {
  it('is no wallet, and an owner of its name has nothing to do with it', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { owner: 'treasury', bought: 7, bonus: 2 });
    await call(db, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() });

    const accounts = await callAll<{ account: string; debit: string; credit: string }>(db, 'ledger_trial_balance', {
      asset_code: asset,
    });

    expect(accounts.map(({ account, debit, credit }) => [account, debit, credit])).toEqual([
      ['treasury', '7', '0'],
      ['promotions', '2', '0'],
      ['revenue', '0', '4'],
      ['breakage', '0', '0'],
      ['players', '0', '5'],
    ]);
    expect((await db.query('select from ledger.wallets where asset_code = $1', [asset])).rowCount).toBe(1);
    expect((await db.query('select from ledger.entries where wallet_id = $1', [wallet_id])).rowCount).toBe(3);
  });

  it('a service reads one wallet without reading all of them: its policies look nothing up', async () => {
    const { rows } = await db.query<{ tablename: string; qual: string }>(
      `select tablename, qual from pg_policies
       where schemaname in ('ledger', 'ledger_private') and 'wallet_service' = any(roles)
       order by tablename`,
    );

    expect(rows).toEqual(
      [
        'asset_limits',
        'bonus_lot_draws',
        'bonus_lots',
        'entries',
        'holds',
        'open_holds',
        'open_lots',
        'wallet_events',
        'wallet_limits',
        'wallets',
      ].map((tablename) => ({ tablename, qual: 'true' })),
    );
  });
});

describe('a player who received a transfer', () => {
  /** What only the wallet that acted has. */
  const OF_ACTING = [
    'actor',
    'idem_key',
    'to_wallet',
    'to_seq',
    'requested_amount',
    'held_bonus_amount',
    'reverses',
    'hold_id',
    'expires_at',
    'metadata',
  ];
  const key = `key of the sender ${randomUUID()}`;
  const note = `note of the sender ${randomUUID()}`;
  const sender = `player-who-sends-${randomUUID()}`;
  const receiver = newOwner();
  let from = '';
  let to = '';
  let transfer = '';
  let reversal = '';
  let session: pg.Client;
  let secrets: string[] = [];
  beforeAll(async () => {
    const asset = await newAsset(db);
    from = await newWallet(db, asset, { owner: sender, bought: 50 });
    to = await newWallet(db, asset, { owner: receiver, bought: 3 });
    await call(db, 'wallet_bonus', { wallet_id: from, amount: 5, idem_key: newKey(), expires_at: '2999-12-31' });
    const metadata = { note };
    ({ transfer_id: transfer } = await call(db, 'wallet_transfer', {
      ...{ from_wallet: from, to_wallet: to, amount: 40, idem_key: key, metadata },
    }));
    ({ transfer_id: reversal } = await call(db, 'wallet_reverse', {
      ...{ wallet_id: from, transfer_id: transfer, amount: 6, idem_key: `${key} again`, metadata },
    }));
    session = await connect.player(receiver);
    secrets = [from, sender, key, note];
  });

  const columnsOf = async (relation: string): Promise<string[]> =>
    (
      await db.query<{ name: string }>(
        `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
        [relation],
      )
    ).rows.map(({ name }) => name);

  it('sees the own line, with nothing in any column that only the sender has', async () => {
    const { rows } = await session.query<{ line: Record<string, unknown> }>(
      'select to_jsonb(e) as line from ledger.entries e where e.transfer_id = any ($1) order by e.seq',
      [[transfer, reversal]],
    );

    const lines = rows.map(({ line }) => line);
    const nothing = Object.fromEntries(OF_ACTING.map((column) => [column, null]));
    const any = {
      created_at: expect.any(String) as string,
      hash: expect.any(String) as string,
      xid: expect.anything() as unknown,
    };
    const facts = {
      wallet_id: to,
      ...any,
      ...nothing,
      debit: 'player',
      credit: 'player',
      owed: null,
      held_amount: 0,
      held_balance: 0,
    };
    const totals = { topped_up_total: 3, granted_total: 0, spent_total: 0, sent_total: 0 };
    expect(lines).toEqual([
      {
        ...{ ...facts, ...totals, transfer_id: transfer, seq: 2, kind: 'transfer', amount: 40, bonus_amount: 5 },
        ...{ balance: 43, bonus_balance: 5, paid_balance: 38, free_balance: 43 },
      },
      {
        ...{ ...facts, ...totals, transfer_id: reversal, seq: 3, kind: 'reversal', amount: 6, bonus_amount: 0 },
        ...{ balance: 37, bonus_balance: 5, paid_balance: 32, free_balance: 37 },
      },
    ]);
    // So a column that comes later is told of here too.
    expect(Object.keys(lines[0] ?? {}).sort()).toEqual((await columnsOf('ledger.entries')).sort());
  });

  it('finds no row of it among the transfers, by whatever it is asked for', async () => {
    const asked = async (filter: string, value: unknown) =>
      (await session.query(`select from ledger.transfers t where ${filter}`, [value])).rowCount;

    for (const id of [transfer, reversal]) expect(await asked('t.id = $1', id)).toBe(0);
    expect(await asked('t.reverses = $1', transfer)).toBe(0);
    for (const column of ['wallet_id', 'debit_wallet_id', 'credit_wallet_id'])
      expect([column, await asked(`t.${column} = $1`, from)]).toEqual([column, 0]);
    expect((await session.query('select from ledger.transfers')).rowCount).toBe(1);
    expect(await outcome(session, 'select from ledger.journal')).toBe('42501');
  });

  it.each(['ledger.entries', 'ledger.transfers'])(
    'finds nothing of the sender by a filter on any column of %s',
    async (relation) => {
      const columns = await columnsOf(relation);
      expect(columns.length).toBeGreaterThan(15);

      for (const column of columns)
        for (const secret of secrets) {
          const found = await session.query(`select from ${relation} r where position($1 in r.${column}::text) > 0`, [
            secret,
          ]);
          expect([column, secret, found.rowCount]).toEqual([column, secret, 0]);
        }
    },
  );

  it.each(['ledger.entries', 'ledger.transfers'])(
    'sees the same rows in the order of any column of %s',
    async (relation) => {
      const seen = (await session.query(`select r::text from ${relation} r order by 1`)).rows;

      for (const column of await columnsOf(relation)) {
        const { rows } = await session.query<{ r: string }>(`select r::text from ${relation} r order by r.${column}`);
        expect([column, rows.map(({ r }) => r).sort()]).toEqual([column, seen.map(({ r }) => r as unknown).sort()]);
      }
    },
  );

  it('reads nothing of the sender in any table or view that players read', async () => {
    const readable = Object.keys(TABLES)
      .filter((table) => !TABLE_READERS[table])
      .concat('ledger.transfers');
    expect(readable.length).toBeGreaterThan(8);

    for (const relation of readable) {
      const { rows } = await session.query<{ text: string | null }>(
        `select string_agg(r::text, ' ') as text from ${relation} r`,
      );
      for (const secret of secrets)
        expect([relation, secret, rows[0]?.text?.includes(secret) ?? false]).toEqual([relation, secret, false]);
    }
  });

  it('is told nothing of the sender by any function that reads', async () => {
    const calls: [string, Record<string, unknown>][] = [
      ['wallet_history', { wallet_id: to }],
      ['wallet_balance', { wallet_id: to }],
      ['wallet_balance_at', { wallet_id: to, at_time: 'infinity' }],
      ['wallet_explain', { wallet_id: to }],
      ['wallet_statement', { wallet_id: to, from_time: '2000-01-01', to_time: '2999-01-01' }],
    ];
    for (const [name, args] of calls) {
      const given = Object.values(args);
      const { rows } = await session.query(
        `select r::text from ledger.${name}(${given.map((_, nth) => `$${nth + 1}`).join(', ')}) r`,
        given,
      );
      expect([name, rows.length]).not.toEqual([name, 0]);
      for (const secret of secrets)
        expect([name, secret, JSON.stringify(rows).includes(secret)]).toEqual([name, secret, false]);
    }
    const { rows } = await session.query(
      `select ledger.entries_counterparty(e) as counterparty, ledger.entries_side(e) as side from ledger.entries e
       where e.transfer_id = any ($1) order by e.seq`,
      [[transfer, reversal]],
    );
    expect(rows).toEqual([
      { counterparty: null, side: 'credit' },
      { counterparty: null, side: 'debit' },
    ]);
  });

  it('learns nothing from the hash of the line: it comes out again from what the player sees', async () => {
    const { rows: lines } = await session.query<{ line: object }>(
      'select to_jsonb(e) as line from ledger.entries e where e.wallet_id = $1 order by e.seq',
      [to],
    );

    const { rows } = await db.query(
      `select e.hash = ledger_private.entry_hash(lag(e.hash) over (order by e.seq), e) as same
       from jsonb_populate_recordset(null::ledger.entries, $1) e`,
      [JSON.stringify(lines.map(({ line }) => line))],
    );

    expect(rows).toEqual(Array(3).fill({ same: true }));
  });

  it('while the sender, and those who serve both, see all of it', async () => {
    for (const other of [await connect.player(sender), await connect.service(), await connect.auditor()]) {
      const { rows } = await other.query(
        `select t.idem_key, t.metadata, t.debit_wallet_id, t.credit_wallet_id, t.credit_seq from ledger.transfers t where t.id = $1`,
        [transfer],
      );
      expect(rows).toEqual([
        { idem_key: key, metadata: { note }, debit_wallet_id: from, credit_wallet_id: to, credit_seq: '2' },
      ]);
    }
  });
});
