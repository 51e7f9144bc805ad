/** The path of a request's statement to PostgreSQL and back, and when its connection may be reused. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg, { type Pool, type PoolConfig } from 'pg';
import { makePgAdaptorWithPgClient } from 'postgraphile/adaptors/pg';
import type { PgClient, WithPgClient } from 'postgraphile/@dataplan/pg';
import {
  createDatabase,
  expectSound,
  newKey,
  newWallet,
  refusal,
  rowsOf,
  someAsset,
  type Receipt,
} from '../../db/tests/helpers.ts';
import { publicError } from '../errors.ts';
import { createWithPgClient } from './pg_client.ts';
import { createPool } from './pool.ts';
import { statementsOf } from './statements.ts';
import { Gateway, toWaiting } from '../testing.ts';

const SERVICE = { role: 'wallet_service', 'jwt.claims.sub': 'shop', 'jwt.claims.role': 'service' };
const SPEND = 'select * from ledger.wallet_spend($1, $2, $3)';
const START_LIMIT_MS = 120_000;

/** A proxy between a client and PostgreSQL that counts round trips and cuts connections. */
class Wire {
  /** The round trips of the gateway's connections for calls. */
  roundTrips = 0;
  /** Drops the answers of PostgreSQL. */
  isDeaf = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(to: URL) {
    this.#server = createServer((client) => this.#join(client, connect(Number(to.port), to.hostname)));
  }

  static async to(url: string): Promise<{ wire: Wire; url: string }> {
    const through = new URL(url);
    const wire = new Wire(new URL(url));
    wire.#server.listen(0, '127.0.0.1');
    await once(wire.#server, 'listening');
    through.hostname = '127.0.0.1';
    through.port = String((wire.#server.address() as AddressInfo).port);
    return { wire, url: through.href };
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    let isOurs = false;
    let isOurTurn = false;
    client.on('data', (data) => {
      isOurs ||= data.includes('wallet-gateway');
      if (isOurs && !isOurTurn) this.roundTrips += 1;
      isOurTurn = true;
      server.write(data);
    });
    server.on('data', (data) => {
      isOurTurn = false;
      if (!this.isDeaf) client.write(data);
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

const db = createDatabase();
const pools: Pool[] = [];
const troubles: unknown[] = [];
const note = (trouble: unknown) => troubles.push(trouble);

beforeAll(async () => {
  process.on('unhandledRejection', note).on('warning', note);
  await db.query(`
    create table public.marks (mark text unique deferrable initially deferred);
    create function public.leave_mark(mark text) returns text language sql security definer
      as 'insert into public.marks values (mark) returning mark';
    grant select on public.marks to public`);
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
  expect(troubles.splice(0)).toEqual([]);
});

afterAll(() => {
  process.off('unhandledRejection', note).off('warning', note);
});

/** The gateway's pool with a single connection, so that each call uses the connection of the one before. */
function poolOf(options: { url?: string; statementTimeoutMs?: number; more?: PoolConfig } = {}): Pool {
  const { url = db.url, statementTimeoutMs = 0, more } = options;
  const pool = createPool({ url, login: 'wallet_gateway', size: 1, name: 'wallet-gateway', statementTimeoutMs });
  Object.assign(pool.options, more);
  // The tests break the connection on purpose; the log of that is noise.
  pool.removeAllListeners('error').on('error', () => undefined);
  pools.push(pool);
  return pool;
}

type Run = <R = Record<string, unknown>>(text: string, values?: unknown[], settings?: Settings) => Promise<R[]>;
type Settings = Record<string, string | undefined> | null;

function runnerOn(withPgClient: WithPgClient): Run {
  return async <R>(text: string, values: unknown[] = [], settings: Settings = SERVICE) => {
    const { rows } = await withPgClient(settings, (client) => client.query<R>({ text, values }));
    return [...rows];
  };
}

const runner = (options: Parameters<typeof poolOf>[0] = {}): Run => runnerOn(createWithPgClient(poolOf(options)));

async function pidOf(run: Run): Promise<unknown> {
  const [row] = await run<{ pid: number }>('select pg_backend_pid() as pid', [], null);
  return row?.pid;
}

async function shown(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!error) throw new Error('not refused');
  return publicError(error).extensions.code;
}

async function locked<T>(walletId: string, work: () => Promise<T>): Promise<T> {
  const holder = await db.connect();
  await holder.query('begin');
  await holder.query('select from ledger.wallets where id = $1 for update', [walletId]);
  return work().finally(() => holder.query('rollback'));
}

describe('a statement', () => {
  it('and its settings take one round trip instead of four', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 100 });
    const { wire, url } = await Wire.to(db.url);
    const pool = poolOf({ url });
    const runs = { ours: runnerOn(createWithPgClient(pool)), usual: runnerOn(makePgAdaptorWithPgClient(pool)) };
    const tripsOf = async (run: Run) => {
      await run(SPEND, [walletId, 1, newKey()]);
      const before = wire.roundTrips;
      await run(SPEND, [walletId, 1, newKey()]);
      return wire.roundTrips - before;
    };

    expect(await tripsOf(runs.ours)).toBe(1);
    expect(await tripsOf(runs.usual)).toBe(4);
    await pool.end();
    pools.length = 0;
    await wire.close();
  });

  it('uses the settings of its request, and the next one on the connection its own or none', async () => {
    const run = runner();
    const who = `select current_user::text as role, current_setting('jwt.claims.sub', true) as sub, current_setting('jwt.claims.role', true) as claim`;

    expect(await run(who)).toEqual([{ role: 'wallet_service', sub: 'shop', claim: 'service' }]);
    expect(
      await run(who, [], { role: 'wallet_player', 'jwt.claims.sub': 'bob', 'jwt.claims.role': undefined }),
    ).toEqual([{ role: 'wallet_player', sub: 'bob', claim: '' }]);
    expect(await run(who, [], null)).toEqual([{ role: 'wallet_gateway', sub: '', claim: '' }]);
    expect(await run(who, [], {})).toEqual([{ role: 'wallet_gateway', sub: '', claim: '' }]);
  });

  it('of one of many requests on one connection never sees the settings of another', async () => {
    const run = runner();
    const players = Array.from({ length: 50 }, (_, nth) => `player-${nth}`);

    const seen = await Promise.all(
      players.map((player, nth) =>
        run<{ role: string; player: string }>(
          nth % 5 === 0
            ? `select public.leave_mark(null), 1 / (current_setting('jwt.claims.sub') = '')::int`
            : `select current_user::text as role, current_setting('jwt.claims.sub') as player`,
          [],
          { role: nth % 2 ? 'wallet_player' : 'wallet_service', 'jwt.claims.sub': player },
        ).catch((error: unknown) => (error as pg.DatabaseError).code),
      ),
    );

    expect(seen).toEqual(
      players.map((player, nth) =>
        nth % 5 === 0 ? '22012' : [{ role: nth % 2 ? 'wallet_player' : 'wallet_service', player }],
      ),
    );
  });

  it('returns the same rows as pg, as objects and as arrays, and accepts the same values', async () => {
    const pool = poolOf();
    const withPgClient = createWithPgClient(pool);
    const text = `select $1::int as int, $2::text as text, $3::bool as bool, $4::jsonb as json, $5::text[] as list,
      $6::timestamptz as time, null as nothing, 9007199254740993 as big from generate_series(1, 2)`;
    const values = [1, 'ß', true, { a: [1] }, ['a', 'b"'], new Date(0)];

    const objects = await pool.query<Record<string, unknown>>(text, values);
    const arrays = await pool.query<unknown[]>({ text, values, rowMode: 'array' });

    const ours = (arrayMode: boolean) => withPgClient(SERVICE, (client) => client.query({ text, values, arrayMode }));
    expect(await ours(false)).toEqual({ rows: objects.rows, rowCount: 2, notices: [] });
    expect(await ours(true)).toEqual({ rows: arrays.rows, rowCount: 2, notices: [] });
    expect(await runnerOn(withPgClient)('do $$ begin end $$')).toEqual([]);
    expect(await runnerOn(withPgClient)('select from generate_series(1, 2)')).toEqual([{}, {}]);
  });

  it('is prepared once per connection, also as a mutation, under at most 100 names', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 200 });
    const pool = poolOf();
    const run = runnerOn(createWithPgClient(pool));
    const prepared = async () =>
      (
        await pool.query<{ statement: string; uses: number }>(
          'select statement, generic_plans + custom_plans as uses from pg_prepared_statements',
        )
      ).rows;

    for (let nth = 0; nth < 3; nth += 1) await run(SPEND, [walletId, 1, newKey()]);
    expect(await prepared()).toContainEqual({ statement: SPEND, uses: '3' });
    const numbers = Array.from({ length: 150 }, (_, nth) => nth);
    for (const nth of [...numbers, ...numbers]) {
      expect(await run(`select ${nth} as nth`)).toEqual([{ nth }]);
    }
    expect(await prepared()).toHaveLength(100);
    for (const nth of numbers) {
      await run(SPEND, [walletId, 1, newKey()]);
      await run(`select ${nth} as nth`);
    }
    expect(await prepared()).toContainEqual({ statement: SPEND, uses: '150' });
  });
});

describe('a refusal', () => {
  it('is that of the call, WLFND with detail and hint, and the connection can be reused', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const run = runner();
    const pid = await pidOf(run);
    const key = newKey();

    const refused = await refusal(run(SPEND, [walletId, 11, key]));

    expect(refused).toMatchObject({ code: 'WLFND', detail: { available: '10' }, hint: expect.any(String) as string });
    expect(await run(SPEND, [walletId, 10, key])).toMatchObject([{ balance: '0', replayed: false }]);
    expect(await pidOf(run)).toBe(pid);
  });

  it.each([
    ['42501', 'a role that the gateway may not have', { role: 'pg_write_all_data' }],
    ['22023', 'a role that does not exist', { role: 'nobody' }],
    ['42704', 'a setting that has no good name', { 'no name': '1' }],
    ['42501', 'a setting for superusers', { ...SERVICE, session_replication_role: 'replica' }],
  ])('%s of %s: the statement does not run with other rights', async (code, _what, settings) => {
    const run = runner();
    const pid = await pidOf(run);
    const mark = newKey();

    expect((await refusal(run('select public.leave_mark($1)', [mark], settings))).code).toBe(code);
    expect((await refusal(run('select public.leave_mark($1)', [mark], settings))).code).toBe(code);

    expect(await run('select * from public.marks where mark = $1', [mark])).toEqual([]);
    expect(await run('select public.leave_mark($1) as mark', [mark])).toEqual([{ mark }]);
    expect(await pidOf(run)).toBe(pid);
  });

  it('at the commit (23505) is reported by the statement, and nothing is stored', async () => {
    const run = runner();
    const pid = await pidOf(run);
    const mark = newKey();
    await run('select public.leave_mark($1)', [mark]);

    expect((await refusal(run('select public.leave_mark($1) as mark', [mark]))).code).toBe('23505');

    expect(await run('select mark from public.marks where mark = $1', [mark])).toEqual([{ mark }]);
    expect(await pidOf(run)).toBe(pid);
  });

  it('at the commit of a booking undoes it, and its key can be used again', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const run = runner();
    const key = newKey();
    await db.query(`
      create function too_late() returns trigger language plpgsql as $$ begin raise 'too late' using errcode = 'WLLIM'; end $$;
      create constraint trigger too_late after insert on ledger.entries deferrable initially deferred
        for each row when (new.idem_key = '${key}') execute function too_late()`);

    expect((await refusal(run(SPEND, [walletId, 1, key]))).message).toBe('too late');

    await db.query('drop trigger too_late on ledger.entries');
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
    expect(await run(SPEND, [walletId, 1, key])).toMatchObject([{ balance: '9', replayed: false }]);
  });

  it.each([
    ['42601', 'selekt 1'],
    ['42P01', 'select * from nowhere'],
    ['22012', 'select 1 / 0'],
  ])('%s of a statement is the same each time', async (code, text) => {
    const run = runner();
    const pid = await pidOf(run);

    for (let nth = 0; nth < 3; nth += 1) expect((await refusal(run(text))).code).toBe(code);

    expect(await pidOf(run)).toBe(pid);
  });

  it('42501 comes for a role that may not call what another role has prepared', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const run = runner();
    const player = { role: 'wallet_player', 'jwt.claims.sub': 'bob', 'jwt.claims.role': 'player' };

    await run(SPEND, [walletId, 1, newKey()]);

    expect((await refusal(run(SPEND, [walletId, 1, newKey()], player))).code).toBe('42501');
    expect((await refusal(run(SPEND, [walletId, 1, newKey()], null))).code).toBe('42501');
    expect(await run('select id from ledger.wallets where id = $1', [walletId])).toEqual([{ id: walletId }]);
    expect(await run('select id from ledger.wallets where id = $1', [walletId], player)).toEqual([]);
  });
});

describe('a prepared statement', () => {
  it('has a name derived from its text: the same on each connection, and different for each text', async () => {
    const namesIn = async (texts: string[]) => {
      const pool = poolOf();
      const run = runnerOn(createWithPgClient(pool));
      for (const text of texts) await run(text);
      const { rows } = await pool.query<{ name: string; statement: string }>(
        'select name, statement from pg_prepared_statements where statement = any ($1)',
        [texts],
      );
      return new Map(rows.map(({ name, statement }) => [statement, name]));
    };
    const names = await namesIn(['select 1 as one', 'select 2 as two']);

    expect(new Set(names.values()).size).toBe(2);
    expect(await namesIn(['select 2 as two', 'select 1 as one'])).toEqual(names);
  });

  it('that is missing is not confused with one of another text under an old name', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const pool = poolOf();
    const run = runnerOn(createWithPgClient(pool));
    await run(SPEND, [walletId, 1, newKey()]);
    // The state of a session that another client has used.
    await pool.query('deallocate all');
    for (const name of ['statement_1', 'statement_2', 'statement_3'])
      await pool.query(`prepare ${name} (uuid, bigint, text) as select * from ledger.wallet_top_up($1, $2, $3)`);

    expect(await run(SPEND, [walletId, 1, newKey()])).toMatchObject([{ kind: 'spend', balance: '8' }]);
  });

  it('that the server has lost (26000) is prepared again, and the call is booked once', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const pool = poolOf();
    const run = runnerOn(createWithPgClient(pool));
    await run(SPEND, [walletId, 1, newKey()]);
    await pool.query('deallocate all');

    expect(await run(SPEND, [walletId, 1, newKey()])).toMatchObject([{ balance: '8' }]);

    expect(await rowsOf(db, walletId)).toEqual({ transfers: 3, entries: 3 });
  });

  it('that exists already (42P05), because a pooler swallowed its closing, is booked once without a name', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const pool = poolOf();
    const run = runnerOn(createWithPgClient(pool));
    await run(SPEND, [walletId, 1, newKey()]);
    const client = await pool.connect();
    statementsOf(client).forget();
    const { connection } = client as unknown as { connection: { close: () => void } };
    connection.close = () => undefined;
    client.release();

    expect(await run(SPEND, [walletId, 1, newKey()])).toMatchObject([{ kind: 'spend', balance: '8' }]);

    expect(await rowsOf(db, walletId)).toEqual({ transfers: 3, entries: 3 });
  });

  it('whose columns a migration has changed (0A000) is prepared again', async () => {
    const run = runner();
    await db.query(
      'create table public.changing (id int); grant select on public.changing to public; insert into public.changing values (1)',
    );
    for (let nth = 0; nth < 7; nth += 1) expect(await run('select * from public.changing')).toEqual([{ id: 1 }]);

    await db.query("alter table public.changing add name text default 'new'");

    expect(await run('select * from public.changing')).toEqual([{ id: 1, name: 'new' }]);
  });

  it('whose function itself refuses with 0A000 is not repeated', async () => {
    const run = runner();
    await db.query(`create function public.unsupported() returns int language plpgsql
      as $$ begin raise 'not supported' using errcode = '0A000'; end $$`);

    for (let nth = 0; nth < 3; nth += 1) expect((await refusal(run('select public.unsupported()'))).code).toBe('0A000');
  });
});

describe('a connection', () => {
  it('that PostgreSQL ends while the call waits (57P01) is RETRY, nothing is booked, and it is not reused', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const run = runner();
    const pid = await pidOf(run);
    const key = newKey();

    const [code] = await locked(walletId, () =>
      Promise.all([shown(run(SPEND, [walletId, 1, key])), toWaiting(db, 'pg_terminate_backend')]),
    );

    expect(code).toBe('RETRY');
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 1, entries: 1 });
    expect(await run(SPEND, [walletId, 1, key])).toMatchObject([{ balance: '9', replayed: false }]);
    expect(await pidOf(run)).not.toBe(pid);
  });

  it('that PostgreSQL ends for another reason (25P04) is RETRY too', async () => {
    const run = runner();
    const pid = await pidOf(run);

    expect(await shown(run('select pg_sleep(600)', [], { ...SERVICE, transaction_timeout: '100' }))).toBe('RETRY');

    expect(await pidOf(run)).not.toBe(pid);
  });

  it('that is cut while the call waits is RETRY, and the same key gives a receipt or a booking, not both', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const { wire, url } = await Wire.to(db.url);
    const run = runner({ url });
    const pid = await pidOf(run);
    const key = newKey();

    const code = await locked(walletId, async () => {
      const calling = shown(run(SPEND, [walletId, 1, key]));
      await toWaiting(db, 'abs');
      wire.cut();
      return calling;
    });

    expect(code).toBe('RETRY');
    expect(await run(SPEND, [walletId, 1, key])).toMatchObject([{ balance: '9' }]);
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 2, entries: 2 });
    expect(await pidOf(run)).not.toBe(pid);
    await wire.close();
  });

  it('that is cut after the commit and before the answer is RETRY, and the same key gives the receipt', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const { wire, url } = await Wire.to(db.url);
    const run = runner({ url });
    const pid = await pidOf(run);
    const key = newKey();

    wire.isDeaf = true;
    const calling = shown(run(SPEND, [walletId, 1, key]));
    while ((await rowsOf(db, walletId)).transfers < 2) await sleep(10);
    wire.cut();
    wire.isDeaf = false;

    expect(await calling).toBe('RETRY');
    expect(await run<Receipt>(SPEND, [walletId, 1, key])).toMatchObject([{ balance: '9', replayed: true }]);
    expect(await pidOf(run)).not.toBe(pid);
    await wire.close();
  });

  it('that was lost between two calls is not reused', async () => {
    const pool = poolOf();
    const run = runnerOn(createWithPgClient(pool));
    const pid = await pidOf(run);
    const lost = new Promise((resolve) => pool.once('remove', resolve));

    await db.query('select pg_terminate_backend($1)', [pid]);
    await lost;

    expect(await pidOf(run)).not.toBe(pid);
  });

  it('whose call is cancelled (57014) is TIMEOUT, and can be reused', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const run = runner();
    const pid = await pidOf(run);
    const key = newKey();

    const [code] = await locked(walletId, () =>
      Promise.all([shown(run(SPEND, [walletId, 1, key])), toWaiting(db, 'pg_cancel_backend')]),
    );

    expect(code).toBe('TIMEOUT');
    expect(await run(SPEND, [walletId, 1, key])).toMatchObject([{ balance: '9', replayed: false }]);
    expect(await pidOf(run)).toBe(pid);
  });

  it('whose call takes too long (57014) is TIMEOUT, and can be reused', async () => {
    // Two seconds are enough for the other calls of the test.
    const run = runner({ statementTimeoutMs: 2_000 });
    const pid = await pidOf(run);

    expect(await shown(run('select pg_sleep(600)'))).toBe('TIMEOUT');

    expect(await pidOf(run)).toBe(pid);
  });

  it('whose call waits too long for a lock (55P03) is RETRY, and can be reused', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const run = runner();
    const pid = await pidOf(run);

    expect(await locked(walletId, () => shown(run(SPEND, [walletId, 1, newKey()])))).toBe('RETRY');

    expect(await pidOf(run)).toBe(pid);
  });

  it('with a statement whose end was not awaited is not reused', async () => {
    const pool = poolOf();
    const withPgClient = createWithPgClient(pool);
    const run = runnerOn(withPgClient);
    const pid = await pidOf(run);
    const left: Promise<unknown>[] = [];

    await withPgClient(SERVICE, (client: PgClient) => {
      left.push(shown(client.query({ text: 'select pg_sleep(600)' })));
    });

    expect(await pidOf(run)).not.toBe(pid);
    expect(await Promise.all(left)).toEqual(['RETRY']);
  });

  it('that is not released in time is RETRY for the calls that wait', async () => {
    const pool = poolOf();
    const run = runnerOn(createWithPgClient(pool));
    const taken = await pool.connect();
    const { connectionTimeoutMillis } = pool.options;
    pool.options.connectionTimeoutMillis = 100;

    expect(await shown(run('select 1'))).toBe('RETRY');

    pool.options.connectionTimeoutMillis = connectionTimeoutMillis;
    taken.release();
    expect(await run('select 1 as one')).toEqual([{ one: 1 }]);
  });
});

describe('a transaction of several statements', () => {
  it('is a single one, with the settings, and is rolled back as a whole', async () => {
    const withPgClient = createWithPgClient(poolOf());
    const run = runnerOn(withPgClient);
    const pid = await pidOf(run);
    const [kept, undone] = [newKey(), newKey()];
    const mark = (name: string, after?: string) =>
      withPgClient(SERVICE, (client) =>
        client.withTransaction(async (inner) => {
          await inner.query({ text: 'select public.leave_mark($1)', values: [name] });
          const { rows } = await inner.query({
            text: 'select current_user::text as role, count(*)::int from public.marks where mark = $1',
            values: [name],
          });
          if (after) await inner.query({ text: after });
          return rows;
        }),
      );

    expect(await mark(kept)).toEqual([{ role: 'wallet_service', count: 1 }]);
    expect((await refusal(mark(undone, 'select 1 / 0'))).code).toBe('22012');

    expect(await run('select mark from public.marks where mark = any ($1)', [[kept, undone]])).toEqual([
      { mark: kept },
    ]);
    expect(await run('select current_user::text as role', [], null)).toEqual([{ role: 'wallet_gateway' }]);
    expect(await pidOf(run)).toBe(pid);
  });
});

describe('a request to the gateway', () => {
  let wire: Wire;
  let gateway: Gateway;

  beforeAll(async () => {
    const { wire: joined, url } = await Wire.to(db.url);
    wire = joined;
    gateway = new Gateway(db, { DATABASE_URL: url, POOL_SIZE: '2' });
    await gateway.start();
  }, START_LIMIT_MS);
  afterAll(async () => {
    await gateway.stop();
    await wire.close();
  });

  const tripsOf = async (work: () => Promise<unknown>): Promise<number> => {
    const before = wire.roundTrips;
    await work();
    return wire.roundTrips - before;
  };

  it('takes one round trip for a mutation or the reading of a wallet, from the first on', async () => {
    const service = gateway.as('service');
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const input = () => ({ walletId, amount: '1', idemKey: newKey() });
    await service.data('{ assets(first: 1) { nodes { code } } }');

    for (const name of ['walletSpend', 'walletTopUp', 'walletSpend', 'walletTopUp']) {
      expect(await tripsOf(() => service.receipt(name, input()))).toBe(1);
    }
    const query = 'query ($id: UUID!) { wallet(id: $id) { balance available status } }';
    expect(await tripsOf(() => service.data(query, { id: walletId }))).toBe(1);
  });

  it('that the client aborts is booked all the same, and its connection can be reused', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const service = gateway.as('service');
    const input = { walletId, amount: '1', idemKey: newKey() };
    const query =
      'mutation ($input: WalletSpendInput!) { walletSpend(input: $input) { receipt { balance replayed } } }';

    await locked(walletId, async () => {
      const gone = new AbortController();
      const calling = service.fetch('/graphql', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ query, variables: { input } }),
        signal: gone.signal,
      });
      await toWaiting(db, 'abs');
      gone.abort();
      await expect(calling).rejects.toThrow('abort');
    });

    expect(await service.receipt('walletSpend', input)).toMatchObject({ balance: '9', replayed: true });
    await expectSound(db);
  });
});
