/** Behind a real PgBouncer: calls are booked exactly, or the start is refused in one line. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createClient } from 'graphql-ws';
import pg from 'pg';
import WebSocket from 'ws';
import { withClient } from '../../bench/databases.ts';
import { expectSound, newAsset, newKey, newWallet, type Database } from '../../db/tests/helpers.ts';
import { signToken } from '../dev/sign_token.ts';
import { AUTH, execute, Gateway, linesOfLog, type Env, type GraphqlReceipt } from '../testing.ts';
import { createWithPgClient } from './pg_client.ts';
import { createPool } from './pool.ts';
import { inspectSession } from './pooler.ts';
import { PgBouncer, Server, type PoolMode } from './testing_pooler.ts';

const LIMIT_MS = 180_000;
const WALLETS = 20;
const START = 1_000_000;
const AT_ONCE = 48;

const describePooler = PgBouncer.isInstalled ? describe : describe.skip;
const reason = PgBouncer.isInstalled ? '' : ' (skipped: pgbouncer is not installed)';

interface Asked {
  mutation: string;
  input: Record<string, unknown>;
  expected: Partial<GraphqlReceipt>;
  /** The change of each wallet's balance. */
  moves: [wallet: string, by: number][];
}

let server: Server;

async function withServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(server.url, work);
}

/** The worker has a direct connection, unless `env` says otherwise. */
function newGateway(env: Env): Gateway {
  // The gateway only uses the URL of a test's database.
  return new Gateway({ url: server.url } as unknown as Database, {
    WORKER_DATABASE_URL: server.as('wallet_worker'),
    ...env,
  });
}

/** Runs several processes that share the pooler's sessions. */
async function withGateways<T>(env: Env, count: number, work: (gateways: Gateway[]) => Promise<T>): Promise<T> {
  const gateways = Array.from({ length: count }, () => newGateway(env));
  try {
    for (const gateway of gateways) await gateway.start();
    const result = await work(gateways);
    expect(gateways.flatMap(({ child }) => linesOfLog(child.stderr))).toEqual([]);
    return result;
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  }
}

function inTurn<T>(items: T[], nth: number): T {
  const item = items[nth % items.length];
  if (item === undefined) throw new Error('there is none');
  return item;
}

/** Calls of all kinds in turn, each with a different amount. */
function ask(nth: number, wallets: string[]): Asked {
  const wallet = inTurn(wallets, nth);
  const other = inTurn(wallets, nth + 7);
  const amount = nth + 1;
  const input = { walletId: wallet, amount: String(amount), idemKey: newKey() };
  const expected = { walletId: wallet, amount: String(amount), replayed: false };
  const kinds: Asked[] = [
    { mutation: 'walletTopUp', input, expected: { ...expected, kind: 'top_up' }, moves: [[wallet, amount]] },
    { mutation: 'walletSpend', input, expected: { ...expected, kind: 'spend' }, moves: [[wallet, -amount]] },
    {
      mutation: 'walletBonus',
      input,
      expected: { ...expected, kind: 'bonus', bonusAmount: String(amount) },
      moves: [[wallet, amount]],
    },
    {
      mutation: 'walletTransfer',
      input: { fromWallet: wallet, toWallet: other, amount: input.amount, idemKey: input.idemKey },
      expected: { ...expected, kind: 'transfer' },
      moves: [
        [wallet, -amount],
        [other, amount],
      ],
    },
    { mutation: 'walletHold', input, expected: { ...expected, kind: 'hold' }, moves: [] },
  ];
  return inTurn(kinds, nth);
}

async function inTurns<T>(items: T[], work: (item: T, nth: number) => Promise<void>): Promise<void> {
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [nth, item] of queue) await work(item, nth);
    }),
  );
}

/** Sends the calls, compares each receipt and read with its call, and then the ledger with all calls. */
async function bookExactly(gateways: Gateway[], calls: number): Promise<void> {
  const wallets = await withServer(async (client) => {
    const asset = await newAsset(client);
    const opened: string[] = [];
    while (opened.length < WALLETS) opened.push(await newWallet(client, asset, { bought: START }));
    return opened;
  });
  const callers = gateways.map((gateway) => gateway.as('service', 'shop'));
  const asked = Array.from({ length: calls }, (_, nth) => ask(nth, wallets));
  const differing: unknown[] = [];
  await inTurns(asked, async ({ mutation, input, expected }, nth) => {
    const caller = inTurn(callers, nth);
    const receipt = await caller.receipt(mutation, input).catch((error: unknown) => ({ error: String(error) }));
    if (!contains(receipt, expected)) differing.push({ asked: { mutation, input }, receipt });
    const query = 'query ($id: UUID!) { wallet(id: $id) { id balance } }';
    const { body } = await caller.post(query, { id: expected.walletId });
    const read = (body.data?.wallet ?? {}) as { id?: string };
    if (read.id !== expected.walletId) differing.push({ asked: expected.walletId, read: body });
  });
  expect(differing).toEqual([]);

  const balances = new Map(wallets.map((wallet) => [wallet, START]));
  for (const [wallet, by] of asked.flatMap(({ moves }) => moves))
    balances.set(wallet, (balances.get(wallet) ?? 0) + by);
  await withServer(async (client) => {
    const { rows } = await client.query<{ wallet: string; balance: number; actors: string[] }>(
      `select w as wallet, (ledger.wallet_balance(w)).balance::float8 as balance,
         (select array_agg(distinct actor) from ledger.transfers where wallet_id = w and actor not like 'db:%') as actors
       from unnest($1::uuid[]) w`,
      [wallets],
    );
    expect(new Map(rows.map(({ wallet, balance }) => [wallet, balance]))).toEqual(balances);
    expect(new Set(rows.flatMap(({ actors }) => actors))).toEqual(new Set(['service:shop']));
    await expectSound(client);
  });
}

function contains(receipt: object, expected: object): boolean {
  const found = receipt as Record<string, unknown>;
  return Object.entries(expected).every(([name, value]) => found[name] === value);
}

/** Expects the start to fail, and returns the one line that says why. */
async function refuse(file: string, env: Env): Promise<string> {
  const { code, stderr } = await execute(process.execPath, [file], {
    env: { NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32), PORT: '0', ...env },
  });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/^[^\n]+\n$/);
  return stderr.trim();
}

async function withPooler<T>(mode: PoolMode, work: (pooler: PgBouncer) => Promise<T>, more = {}): Promise<T> {
  const pooler = await PgBouncer.start(server, mode, more);
  return work(pooler).finally(() => pooler.stop());
}

describePooler(`behind PgBouncer${reason}`, () => {
  beforeAll(async () => {
    server = await Server.start('pooler-test', { max_connections: '80', fsync: 'off', synchronous_commit: 'off' });
  }, LIMIT_MS);
  afterAll(() => server.stop(), LIMIT_MS);

  it(
    'in transaction mode, 1,000 mixed calls of two processes are booked exactly, with no ignore_startup_parameters',
    () =>
      withPooler('transaction', (pooler) =>
        withGateways({ DATABASE_URL: pooler.as('wallet_gateway') }, 2, (gateways) => bookExactly(gateways, 1_000)),
      ),
    LIMIT_MS,
  );

  it(
    'in transaction mode with round-robin servers, 240 mixed calls are booked exactly',
    () =>
      withPooler(
        'transaction',
        (pooler) =>
          withGateways({ DATABASE_URL: pooler.as('wallet_gateway') }, 2, (gateways) => bookExactly(gateways, 240)),
        { server_round_robin: '1', default_pool_size: '5' },
      ),
    LIMIT_MS,
  );

  it.each(['wallet_gateway', 'postgres'])(
    'in session mode, 240 mixed calls of %s are booked exactly',
    (login) =>
      withPooler(
        'session',
        (pooler) => withGateways({ DATABASE_URL: pooler.as(login) }, 1, (gateways) => bookExactly(gateways, 240)),
        { default_pool_size: '30' },
      ),
    LIMIT_MS,
  );

  it(
    'in transaction mode, downloads, rate limits and subscriptions work, with a direct connection for LISTEN',
    () =>
      withPooler('transaction', (pooler) =>
        withGateways(
          {
            DATABASE_URL: pooler.as('wallet_gateway'),
            WORKER_DATABASE_URL: server.as('wallet_worker'),
            RATE_LIMIT_PER_MINUTE: '20',
          },
          2,
          async ([first, second]) => {
            if (!first || !second) throw new Error('no gateways');
            const [wallet, other] = await withServer(async (client) => {
              const asset = await newAsset(client);
              return [await newWallet(client, asset, { bought: 7 }), await newWallet(client, asset)];
            });
            const shop = first.as('service', 'shop');

            const events = changesOf(first, wallet);
            expect((await events.next()).value).toEqual({ balance: '7' });
            await shop.receipt('walletSpend', { walletId: wallet, amount: '3', idemKey: newKey() });
            // The poller's first round notifies every subscriber: an event may come twice.
            let event = await events.next();
            while ((event.value as { balance?: string } | undefined)?.balance === '7') event = await events.next();
            expect(event.value).toEqual({ balance: '4' });
            await events.return?.();

            const history = await shop.fetch(`/wallets/${wallet}/history.ndjson`);
            expect((await history.text()).match(/"created_at":"[^"]+\+00:00","kind":"\w+"/g)).toHaveLength(2);
            expect((await second.as('player', 'nobody').fetch(`/wallets/${wallet}/history.csv`)).status).toBe(404);

            const statuses = await Promise.all(
              Array.from({ length: 40 }, (_, nth) =>
                (nth % 2 ? first : second)
                  .as('service', 'flood')
                  .post('query ($id: UUID!) { wallet(id: $id) { balance } }', { id: other })
                  .then(({ status }) => status),
              ),
            );
            expect(statuses.filter((status) => status === 200)).toHaveLength(20);
          },
        ),
      ),
    LIMIT_MS,
  );

  it(
    'in transaction mode without a session for LISTEN, subscriptions are refused, and the log says what to set',
    () =>
      withPooler('transaction', async (pooler) => {
        const gateway = newGateway({ DATABASE_URL: pooler.as('wallet_gateway'), WORKER_DATABASE_URL: '' });
        await gateway.start();
        try {
          await gateway.child.complains('set WORKER_DATABASE_URL to listen there');
          const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
          const [, { statusCode }] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
          expect(statusCode).toBe(503);
        } finally {
          await gateway.stop();
        }
      }),
    LIMIT_MS,
  );

  it('detects each mode, also of a round-robin pooler', async () => {
    const modes = [];
    for (const mode of ['session', 'transaction', 'statement'] as const)
      for (const server_round_robin of ['0', '1'])
        for (const login of ['wallet_gateway', 'postgres'])
          modes.push(
            await withPooler(mode, (pooler) => inspectSession({ url: pooler.as(login) }), { server_round_robin }),
          );

    const both = (mode: PoolMode) => [
      { login: 'wallet_gateway', isSuperuser: false, mode },
      { login: 'postgres', isSuperuser: true, mode },
    ];
    expect(modes).toEqual(
      ['session', 'transaction', 'statement'].flatMap((mode) =>
        [both(mode as PoolMode), both(mode as PoolMode)].flat(),
      ),
    );
    expect(await inspectSession({ url: server.as('wallet_worker') })).toEqual({
      login: 'wallet_worker',
      isSuperuser: false,
      mode: 'direct',
    });
  });

  it.each(['transaction', 'statement'] as const)(
    'in %s mode, an administrator or the worker is refused in one line, and so is each command',
    (mode) =>
      withPooler(mode, async (pooler) => {
        const unkept = (setting: string, instead = '') =>
          `${setting} goes through a pooler that does not keep sessions (PgBouncer: pool_mode = ${mode}): ${instead}use pool_mode = session or a direct connection`;
        const instead = mode === 'transaction' ? 'log in there as wallet_gateway, or ' : '';
        const administrator = { DATABASE_URL: pooler.as('postgres') };

        expect(await refuse('src/server.ts', administrator)).toBe(unkept('DATABASE_URL', instead));
        expect(
          await refuse('src/server.ts', {
            DATABASE_URL: server.as('wallet_gateway'),
            WORKER_DATABASE_URL: pooler.as('wallet_worker'),
          }),
        ).toBe(unkept('WORKER_DATABASE_URL'));
        for (const command of ['commands/migrate', 'commands/prepare', 'dev/seed', 'commands/verify', 'commands/seal'])
          expect(await refuse(`src/${command}.ts`, { ...administrator, NODE_ENV: 'development' })).toBe(
            unkept('DATABASE_URL'),
          );
      }),
    LIMIT_MS,
  );

  it(
    'in statement mode, the gateway’s own login is refused too, also later',
    () =>
      withPooler('statement', async (pooler) => {
        expect(await refuse('src/server.ts', { DATABASE_URL: pooler.as('wallet_gateway') })).toMatch(
          /^DATABASE_URL goes through a pooler that does not keep sessions \(PgBouncer: pool_mode = statement\): use pool_mode = session/,
        );
        const url = pooler.as('wallet_gateway');
        const pool = createPool({ url, login: 'wallet_gateway', size: 1, name: 'wallet-reads', statementTimeoutMs: 0 });
        await expect(pool.connect()).rejects.toThrow('transaction blocks not allowed in statement pooling mode');
        await pool.end();
      }),
    LIMIT_MS,
  );

  it(
    'in transaction mode, a transaction has its own settings, whatever another client left in the session',
    () =>
      withPooler(
        'transaction',
        async (pooler) => {
          const url = pooler.as('wallet_gateway');
          const pool = createPool({
            url,
            login: 'wallet_gateway',
            size: 2,
            name: 'wallet-gateway',
            statementTimeoutMs: 7_000,
          });
          const withPgClient = createWithPgClient(pool);
          const settings = { role: 'wallet_player', 'jwt.claims.sub': 'bob' };
          const text = `select pg_backend_pid() as pid, current_user::text as role, current_setting('TimeZone') as zone,
          current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`;
          const seen: unknown[] = [];
          const other = new pg.Client({ connectionString: url });
          try {
            await other.connect();
            await other.query(
              "set TimeZone = 'Asia/Tokyo'; set statement_timeout = 0; set lock_timeout = 0; set role wallet_auditor",
            );
            for (const ofRequest of [settings, null])
              seen.push(
                ...(await withPgClient(ofRequest, (client) => client.query({ text }))).rows,
                ...(
                  await withPgClient(ofRequest, (client) =>
                    client.withTransaction(async (inner) => {
                      const name = 'of a library';
                      await inner.query({ text: 'select 1', name });
                      return inner.query({ text, name });
                    }),
                  )
                ).rows,
              );
          } finally {
            await other.end();
            await pool.end();
          }

          const own = { pid: expect.any(Number) as number, zone: 'UTC', statement: '7s', lock: '2s' };
          const roles = ['wallet_player', 'wallet_player', 'wallet_gateway', 'wallet_gateway'];
          expect(seen).toEqual(roles.map((role) => ({ ...own, role })));
          expect(new Set(seen.map((row) => (row as { pid: number }).pid)).size).toBe(1);
        },
        { default_pool_size: '1' },
      ),
    LIMIT_MS,
  );
});

function changesOf(gateway: Gateway, wallet: string): AsyncIterableIterator<{ balance: string }> {
  const client = createClient({
    url: gateway.url.replace('http', 'ws') + '/graphql',
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: async () => ({
      authorization: `Bearer ${await signToken(AUTH, { role: 'service', sub: 'watcher' })}`,
    }),
  });
  const query = 'subscription ($id: UUID!) { walletChanged(walletId: $id) { wallet { balance } } }';
  const events = client.iterate<{ walletChanged: { wallet: { balance: string } } }>({
    query,
    variables: { id: wallet },
  });
  return (async function* () {
    try {
      for await (const { data, errors } of events) {
        if (!data) throw new Error(JSON.stringify(errors));
        yield data.walletChanged.wallet;
      }
    } finally {
      await client.dispose();
    }
  })();
}
