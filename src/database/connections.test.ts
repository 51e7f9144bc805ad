/** Opening connections: with a password that has changed, and on a server that has no connection left. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg, { type Pool } from 'pg';
import { withClient } from '../../bench/databases.ts';
import { expectSound, newAsset, newKey, newWallet, rowsOf, type Database } from '../../db/tests/helpers.ts';
import { errorOf, Gateway, linesOfLog, type Caller, type Env } from '../testing.ts';
import { createPool } from './pool.ts';
import { Server } from './testing_pooler.ts';
import { NoConnection } from './waiting_pool.ts';

const LIMIT_MS = 120_000;
const WAIT_MS = 60_000;
/** PostgreSQL reserves three of them for superusers. */
const MAX_CONNECTIONS = 16;

let server: Server;
let wallet: string;

beforeAll(async () => {
  server = await Server.start('connections-test', {
    max_connections: String(MAX_CONNECTIONS),
    fsync: 'off',
    synchronous_commit: 'off',
  });
  // Here the server's limit counts, and not that of the login.
  for (const login of ['wallet_gateway', 'wallet_worker'])
    await administer((client) => client.query(`alter role ${login} connection limit -1`));
  wallet = await administer(async (client) => newWallet(client, await newAsset(client), { bought: 1_000_000 }));
}, LIMIT_MS);
afterAll(() => server.stop(), LIMIT_MS);

function administer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(server.url, work);
}

function newGateway(env: Env): Gateway {
  // The gateway only uses the URL of a test's database.
  return new Gateway({ url: server.url } as unknown as Database, env);
}

async function withGateways<T>(gateways: Gateway[], work: () => Promise<T>): Promise<T> {
  try {
    for (const gateway of gateways) await gateway.start();
    return await work();
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  }
}

async function until<T>(look: () => Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(50)) {
    const found = await look();
    if (isSo(found)) return found;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(found)}`);
  }
}

const spend = (caller: Caller) =>
  caller.mutate('walletSpend', { walletId: wallet, amount: '1', idemKey: newKey() }, 'receipt { amount kind }');

describe('a password in a file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wallet-passwords-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const fileOf = (login: string) => join(folder, login);
  const withoutPassword = (login: string) => Object.assign(new URL(server.as(login)), { password: '' }).href;
  const keep = (login: string) => writeFile(fileOf(login), `${server.passwordOf(login)}\n`);
  /** The pools that have opened a connection since then. */
  const openedSince = async (instant: string) => {
    const { rows } = await administer((client) =>
      client.query<{ name: string }>(
        `select distinct application_name as name from pg_stat_activity
         where backend_start > $1 and usename in ('wallet_gateway', 'wallet_worker')`,
        [instant],
      ),
    );
    return rows.map(({ name }) => name);
  };
  const hangUp = () =>
    administer(async (client) => {
      const { rows } = await client.query<{ now: string }>('select clock_timestamp()::text as now');
      await client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('wallet_gateway', 'wallet_worker')",
      );
      return rows[0]?.now ?? '';
    });

  it(
    'is read again for each new connection, for calls, the worker and reads, while the service runs',
    async () => {
      for (const login of ['wallet_gateway', 'wallet_worker']) await keep(login);
      const gateway = newGateway({
        DATABASE_URL: withoutPassword('wallet_gateway'),
        DATABASE_PASSWORD_FILE: fileOf('wallet_gateway'),
        WORKER_DATABASE_URL: withoutPassword('wallet_worker'),
        WORKER_DATABASE_PASSWORD_FILE: fileOf('wallet_worker'),
        READ_DATABASE_URL: withoutPassword('wallet_gateway'),
        READ_DATABASE_PASSWORD_FILE: fileOf('wallet_gateway'),
        POOL_SIZE: '2',
      });
      await withGateways([gateway], async () => {
        const shop = gateway.as('service');
        expect((await spend(shop)).body.errors).toBeUndefined();

        // The database's password changes first: until the file follows, new connections fail and calls are answered RETRY.
        for (const login of ['wallet_gateway', 'wallet_worker']) await server.setPassword(login, `second of ${login}`);
        await hangUp();
        await until(
          () => spend(shop),
          ({ body }) => body.errors?.[0]?.message === 'retry: the database cannot be reached',
        );
        await gateway.child.complains('28P01');
        await rm(fileOf('wallet_gateway'));
        expect(errorOf(await spend(shop)).extensions.code).toBe('RETRY');

        for (const login of ['wallet_gateway', 'wallet_worker']) await keep(login);
        const since = await hangUp();
        await until(
          () => spend(shop),
          ({ body }) => body.errors === undefined,
        );
        // Collected over time, since idle connections are closed again.
        const opened = new Set<string>();
        await until(
          async () => {
            await spend(shop);
            for (const name of await openedSince(since)) opened.add(name);
            return [...opened];
          },
          () => ['wallet-gateway', 'wallet-poller', 'wallet-watch', 'wallet-worker'].every((name) => opened.has(name)),
        );

        const { stderr } = gateway.child;
        for (const login of ['wallet_gateway', 'wallet_worker'])
          for (const which of ['first', 'second']) expect(stderr).not.toContain(`${which} of ${login}`);
      });
    },
    LIMIT_MS,
  );
});

describe('on a server that has no connections left', () => {
  const guests: pg.Client[] = [];
  afterEach(async () => {
    await Promise.all(guests.splice(0).map((guest) => guest.end()));
  });

  /** Takes all remaining connections, so that PostgreSQL refuses the next one (53300). */
  async function takeAll(): Promise<void> {
    // Several refusals in a row: another session that is being refused occupies a slot for a moment.
    for (let refusals = 0; refusals < 5;) {
      const guest = new pg.Client({ connectionString: server.as('wallet_gateway') });
      guest.on('error', () => undefined);
      try {
        await guest.connect();
      } catch (error) {
        expect((error as pg.DatabaseError).code).toBe('53300');
        refusals += 1;
        continue;
      }
      refusals = 0;
      guests.push(guest);
    }
  }
  const leave = async (count = guests.length) => {
    await Promise.all(guests.splice(0, count).map((guest) => guest.end()));
  };
  const poolIn = async (gateway: Gateway, what: 'size' | 'waiting'): Promise<number> => {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    return Number(new RegExp(`^db_pool_${what}\\{pool="wallet-gateway"\\} (\\d+)$`, 'm').exec(metrics)?.[1]);
  };

  it.each([
    { how: 'one by one', GROUP_CALLS: 'false', isAll: (waiting: number) => waiting === 30 },
    { how: 'together', GROUP_CALLS: 'true', isAll: (waiting: number) => waiting >= 1 },
  ])(
    'the calls of two gateways wait for a connection, $how, and each is booked once',
    async ({ GROUP_CALLS, isAll }) => {
      // Each gateway may open eight connections for calls; the server has thirteen in all.
      const gateways = [1, 2].map(() =>
        newGateway({ DATABASE_URL: server.as('wallet_gateway'), POOL_SIZE: '10', LOG_LEVEL: 'warn', GROUP_CALLS }),
      );
      await withGateways(gateways, async () => {
        // Terminate the connections opened at the start.
        await administer((client) =>
          client.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'wallet_gateway'"),
        );
        await takeAll();
        for (const gateway of gateways)
          await until(
            () => poolIn(gateway, 'size'),
            (size) => size === 0,
          );
        const before = await administer((client) => rowsOf(client, wallet));
        const perGateway = 30;
        const calling = gateways.flatMap((gateway) =>
          Array.from({ length: perGateway }, () => spend(gateway.as('service'))),
        );
        for (const gateway of gateways) await until(() => poolIn(gateway, 'waiting'), isAll);
        // One connection is enough for all calls; then there is room again.
        await leave(1);
        await Promise.race(calling);
        await leave();

        const answers = await Promise.all(calling);
        expect(answers.filter(({ body }) => body.errors)).toEqual([]);
        const after = await administer((client) => rowsOf(client, wallet));
        expect(after.transfers - before.transfers).toBe(2 * perGateway);
        await administer(expectSound);
        for (const { child } of gateways) {
          const lines = linesOfLog(child.stderr);
          expect(lines.filter(({ msg }) => msg === 'answered RETRY')).toEqual([]);
        }
      });
    },
    LIMIT_MS,
  );

  describe('a pool', () => {
    const pools: Pool[] = [];
    afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.end())));

    function poolOf(size: number, answerWithinMs?: number): Pool {
      const pool = createPool({
        url: server.as('wallet_gateway'),
        login: 'wallet_gateway',
        size,
        name: 'wallet-gateway',
        statementTimeoutMs: 0,
        ...(answerWithinMs !== undefined && { answerWithinMs }),
      });
      pools.push(pool);
      return pool;
    }

    it(
      'reuses its connections as they are released, while the server has no more (53300)',
      async () => {
        const pool = poolOf(10);
        const held = await pool.connect();
        await takeAll();
        const calling = Array.from({ length: 20 }, () => pool.query<{ pid: number }>('select pg_backend_pid() as pid'));
        await until(
          () => Promise.resolve(pool.waitingCount),
          (waiting) => waiting === 20,
        );

        held.release();

        const pids = (await Promise.all(calling)).map(({ rows }) => rows[0]?.pid);
        expect(new Set(pids).size).toBe(1);
        await leave();
        // The pool grows again.
        const clients = await Promise.all(Array.from({ length: 5 }, () => pool.connect()));
        expect(pool.totalCount).toBe(5);
        for (const client of clients) client.release();
      },
      LIMIT_MS,
    );

    it(
      'without connections opens one as soon as there is room',
      async () => {
        const pool = poolOf(10);
        await takeAll();
        const calling = [1, 2, 3].map(() => pool.query('select 1'));
        await until(
          () => Promise.resolve(pool.waitingCount),
          (waiting) => waiting === 3,
        );
        await leave();

        expect(await Promise.all(calling)).toHaveLength(3);
      },
      LIMIT_MS,
    );

    it.each([
      ['the server', takeAll],
      ['the login', () => administer((client) => client.query('alter role wallet_gateway connection limit 0'))],
    ])(
      'says why, once the time is up, where %s may have no more (53300)',
      async (_whose, useUp) => {
        const pool = poolOf(10, 500);
        await useUp();

        const errors = await Promise.all([1, 2, 3].map(() => pool.query('select 1').catch((error: unknown) => error)));

        for (const error of errors) {
          expect(error).toBeInstanceOf(NoConnection);
          expect(error).toMatchObject({ code: '53300' });
        }
        await administer((client) => client.query('alter role wallet_gateway connection limit -1'));
      },
      LIMIT_MS,
    );
  });
});
