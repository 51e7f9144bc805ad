/** Restarts its own database while a subscription is open. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import pg from 'pg';
import { WebSocket } from 'ws';
import { applyCurrent } from '../../db/tests/current.ts';
import { call, newAsset, newKey, newWallet } from '../../db/tests/helpers.ts';
import { AnyProtocol } from '../../db/tests/prove/protocol.ts';
import { Proxy } from '../../db/tests/prove/proxy.ts';
import { signToken } from '../dev/sign_token.ts';
import { startEmbedded, type EmbeddedServer } from '../dev/embedded.ts';
import { migrate } from '../migrate/migrate.ts';
import { AUTH, Child } from '../testing.ts';

const START_LIMIT_MS = 120_000;
const WAIT_MS = 60_000;

let folder = '';
let server: EmbeddedServer | undefined;
/** Keeps the server's address, although each start uses another port. */
const proxy = new Proxy(
  () => (server ? Number(new URL(server.url).port) : undefined),
  () => new AnyProtocol(),
  () => undefined,
);
let gateway: Child;
let url = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wallet-restart-'));
  server = await start();
  await migrate(server.url);
  await applyCurrent(server.url);
  await proxy.listen();
  const address = new URL(server.url);
  address.port = String(proxy.port);
  gateway = new Child(process.execPath, ['src/server.ts'], {
    env: { NODE_ENV: 'production', JWT_SECRET: AUTH.secret, DATABASE_URL: address.href, PORT: '0' },
  });
  [, url = ''] = await gateway.prints(/^Listening on (\S+)$/m);
}, START_LIMIT_MS);

afterAll(async () => {
  await gateway.stop();
  await proxy.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

function start(): Promise<EmbeddedServer> {
  return startEmbedded({ dataDir: join(folder, 'server'), database: 'wallet', settings: { fsync: 'off' } });
}

async function inDatabase<T>(work: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: server?.url });
  await session.connect();
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

/** Subscribes again whenever the subscription ends, as clients should. Returns the close codes. */
async function follow(wallet: string, token: string, onBalance: (balance: string) => boolean): Promise<number[]> {
  const closes: number[] = [];
  for (let isDone = false; !isDone; await sleep(100)) {
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
      on: { closed: (event) => closes.push((event as { code: number }).code) },
    });
    const results = client.iterate<{ walletChanged: { wallet: { balance: string } | null } | null }>({
      query: `subscription { walletChanged(walletId: "${wallet}") { wallet { balance } } }`,
    });
    try {
      for await (const { data } of results) {
        isDone = onBalance(data?.walletChanged?.wallet?.balance ?? '');
        if (isDone) break;
      }
    } catch {
      // `closes` has the close code.
    }
    await client.dispose();
  }
  return closes;
}

it(
  'a restart of the database ends a subscription with 1013, and a new one shows what was booked meanwhile',
  async () => {
    const wallet = await inDatabase(async (session) =>
      newWallet(session, await newAsset(session), { bought: 100, owner: 'alice' }),
    );
    const token = await signToken(AUTH, { role: 'player', sub: 'alice' });
    const seen: string[] = [];
    const followed = follow(wallet, token, (balance) => {
      seen.push(balance);
      return balance === '98';
    });
    const until = async (balance: string): Promise<void> => {
      for (const deadline = Date.now() + WAIT_MS; !seen.includes(balance); await sleep(20)) {
        if (Date.now() > deadline) throw new Error(`no balance of ${balance}`);
      }
    };
    const spend = () =>
      inDatabase((session) => call(session, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() }));
    await until('100');

    await server?.stop();
    server = await start();
    await spend();
    await until('99');
    await spend();

    // The first is that of the restart; without a database, later ones may have been refused.
    expect((await followed)[0]).toBe(1013);
    expect(seen.filter((balance) => balance !== '')).toEqual(expect.arrayContaining(['100', '99', '98']));
  },
  START_LIMIT_MS,
);
