/** Queries and downloads on a real standby: paused, killed, in conflict with the primary, or not a standby at all. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import express from 'express';
import type pg from 'pg';
import { withClient } from '../../bench/databases.ts';
import { newAsset, newKey, newWallet } from '../../db/tests/helpers.ts';
import { Cluster } from '../../db/tests/prove/cluster.ts';
import { Gateway } from '../../db/tests/prove/gateway.ts';
import { prepareLedger } from '../../db/tests/prove/ledger.ts';
import type { Identity } from '../auth.ts';
import { createWithPgClient } from '../database/pg_client.ts';
import { createPool } from '../database/pool.ts';
import { readingWith, readPreference } from './reads.ts';
import { Standby } from './standby.ts';
import { Caller } from '../testing.ts';

const DATA = fileURLToPath(new URL(`../../.data/reads-test-${process.pid}`, import.meta.url));
const LIMIT_MS = 120_000;
const WAIT_MS = 60_000;
const HOUR_MS = 3_600_000;
const STRICT_MS = 500;

interface Read {
  from: string | null;
  stalenessMs: number;
  balance: string;
}

let cluster: Cluster;
let wallet: string;
/** `patient` accepts any staleness, `strict` very little. */
let patient: Service;
let strict: Service;

class Service {
  readonly gateway: Gateway;
  readonly caller: Caller;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
    this.caller = new Caller(gateway, gateway.token());
  }

  static async start(readUrl: string, maxStalenessMs: number): Promise<Service> {
    const more = { READ_DATABASE_URL: readUrl, READ_MAX_STALENESS_MS: String(maxStalenessMs) };
    return new Service(await Gateway.start(cluster.url('wallet'), () => undefined, more));
  }

  async balance(headers: Record<string, string> = {}): Promise<Read> {
    const response = await this.caller.fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({
        query: 'query ($id: UUID!) { wallet(id: $id) { balance } }',
        variables: { id: wallet },
      }),
    });
    const { data, errors } = (await response.json()) as { data?: { wallet: { balance: string } }; errors?: unknown };
    if (!data) throw new Error(`${response.status} ${JSON.stringify(errors)}`);
    return { ...placeOf(response), ...data.wallet };
  }

  async history(headers: Record<string, string> = {}): Promise<{ from: string | null; rows: number }> {
    const response = await this.caller.fetch(`/wallets/${wallet}/history.ndjson`, { headers });
    expect(response.status).toBe(200);
    return { from: placeOf(response).from, rows: (await response.text()).trimEnd().split('\n').length };
  }

  async topUp(): Promise<string> {
    const input = { walletId: wallet, amount: '1', idemKey: newKey() };
    return (await this.caller.receipt('walletTopUp', input)).balance;
  }
}

beforeAll(async () => {
  cluster = await Cluster.start(DATA, { max_standby_streaming_delay: '100ms' });
  await prepareLedger(cluster.url('postgres'), 'wallet');
  wallet = await withClient(cluster.url('wallet'), async (client) =>
    newWallet(client, await newAsset(client), { bought: 100 }),
  );
  await cluster.addStandby();
  patient = await Service.start(cluster.standbyUrl('wallet'), HOUR_MS);
  strict = await Service.start(cluster.standbyUrl('wallet'), STRICT_MS);
}, LIMIT_MS);

afterAll(async () => {
  await Promise.all([patient, strict].map(({ gateway }) => gateway.stop()));
  await cluster.stop();
}, LIMIT_MS);

describe('a standby that has stopped replaying', () => {
  let before: string;
  let after: string;
  beforeAll(async () => {
    await until(
      () => patient.balance(),
      ({ from }) => from === 'standby',
    );
    ({ balance: before } = await patient.balance());
    await onStandby('select pg_wal_replay_pause()');
    await untilPaused();
    after = await patient.topUp();
  }, LIMIT_MS);
  afterAll(() => onStandby('select pg_wal_replay_resume()'));

  it('answers queries with its data, and reports the maximum staleness', async () => {
    const read = await until(
      () => patient.balance(),
      ({ stalenessMs }) => stalenessMs > 1_000,
    );
    expect(read).toMatchObject({ from: 'standby', balance: before });
    expect(before).not.toBe(after);
  });

  it('has its own pools in the metrics, besides those of the primary', async () => {
    const metrics = await (await patient.caller.fetch('/metrics')).text();
    const names = [...metrics.matchAll(/^db_pool_max\{pool="([\w-]+)"\}/gm)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(['wallet-gateway', 'wallet-history', 'wallet-reads', 'wallet-watch']));
  });

  it('is not used if the caller asks for the primary', async () => {
    const read = await patient.balance({ 'Wallet-Read': 'primary' });
    expect(read).toEqual({ from: 'primary', stalenessMs: 0, balance: after });
  });

  it('is not used beyond the maximum staleness', async () => {
    const read = await until(
      () => strict.balance(),
      ({ from }) => from === 'primary',
    );
    expect(read).toEqual({ from: 'primary', stalenessMs: 0, balance: after });
  });

  it('is not used for the payload of a mutation, including its relations', async () => {
    const { body } = await patient.caller.mutate(
      'walletFreeze',
      { walletId: wallet, reason: 'for a test' },
      'wallet { status balance entries(first: 1) { nodes { balance } } }',
    );
    expect(body).toEqual({
      data: {
        walletFreeze: { wallet: { status: 'frozen', balance: after, entries: { nodes: [{ balance: after }] } } },
      },
    });
    await patient.caller.mutate('walletReopen', { walletId: wallet, reason: 'for a test' }, 'wallet { status }');
  });

  it('serves downloads too, unless the caller asks for the primary', async () => {
    const { rows } = await until(
      () => patient.history(),
      ({ from }) => from === 'standby',
    );
    expect(await patient.history({ 'Wallet-Read': 'primary' })).toEqual({ from: 'primary', rows: rows + 1 });
    expect(
      await until(
        () => strict.history(),
        (history) => history.from === 'primary',
      ),
    ).toMatchObject({
      rows: rows + 1,
    });
  });
});

describe('a standby that follows', () => {
  it('has what was booked, and does not become stale without bookings', async () => {
    const balance = await patient.topUp();
    await until(
      () => patient.balance(),
      (found) => found.balance === balance && found.from === 'standby',
    );
    // Only time without bookings could make it stale; waiting longer does no harm.
    await sleep(2 * STRICT_MS);
    await until(
      () => strict.balance(),
      ({ from, stalenessMs }) => from === 'standby' && stalenessMs <= STRICT_MS,
    );
  });

  it('does not become stale either when the primary begins another WAL file', async () => {
    await cluster.administer('select pg_switch_wal()');
    await sleep(2 * STRICT_MS);
    await until(
      () => strict.balance(),
      ({ from }) => from === 'standby',
    );
  });

  it.each(['standby', 'PRIMARY', ''])('refuses the header Wallet-Read: %p', async (value) => {
    const response = await patient.caller.fetch('/graphql', { method: 'POST', headers: { 'Wallet-Read': value } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ message: 'Wallet-Read can only be primary' }] });
  });

  it(
    'whose query conflicts with the primary is not used further: the primary answers',
    async () => {
      const pool = createPool({
        url: cluster.url('wallet'),
        login: 'wallet_gateway',
        size: 1,
        name: 'test',
        statementTimeoutMs: 30_000,
      });
      const standby = openStandby(cluster.standbyUrl('wallet'));
      await until(
        () => Promise.resolve(standby.trouble),
        (trouble) => trouble === undefined,
      );
      // During this query the standby cannot replay the lock.
      const text = `select pg_is_in_recovery() as recovers,
      case when pg_is_in_recovery() then pg_sleep(60)::text end as slept from ledger.assets limit 1`;
      const app = express();
      app.get('/', readPreference, async (req, res) => {
        res.locals.identity = { role: 'auditor', sub: 'a', pgRole: 'wallet_auditor' } satisfies Identity;
        const reading = readingWith(standby, createWithPgClient(standby.pool), createWithPgClient(pool), req, res);
        res.json(await reading({ role: 'wallet_auditor' }, (client) => client.query({ text })));
      });
      const server = createServer(app).listen(0);
      await once(server, 'listening');
      const answer = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await until(
        () => onStandby("select from pg_stat_activity where wait_event = 'PgSleep'"),
        ({ length }) => length > 0,
      );
      await withClient(cluster.url('wallet'), (client) =>
        client.query('begin; lock table ledger.assets in access exclusive mode; commit'),
      );
      const response = await answer;
      expect(await response.json()).toMatchObject({ rows: [{ recovers: false, slept: null }] });
      expect(placeOf(response).from).toBe('primary');
      server.close();
      await standby.close();
      await pool.end();
    },
    LIMIT_MS,
  );
});

describe('a server that is no standby of the database', () => {
  it.each([
    ['a server that is not there', () => 'postgres://wallet_gateway@127.0.0.1:1/wallet', /ECONNREFUSED/],
    ['the primary', () => cluster.url('wallet'), /is not a standby/],
    ['another database of the standby', () => cluster.standbyUrl('postgres'), /does not follow the database/],
    ['a login that is not there', () => withLogin(cluster.standbyUrl('wallet'), 'nobody'), /authentication failed/],
  ])('is never used: %s', async (_what, url, trouble) => {
    const standby = openStandby(url());
    await until(
      () => Promise.resolve(standby.trouble),
      // Without an answer in time, another reason comes first.
      (found) => trouble.test(found ?? ''),
    );
    const found = { trouble: standby.trouble, stalenessMs: standby.stalenessMs };
    await standby.close();
    expect(found).toEqual({ trouble: expect.stringMatching(trouble) as string, stalenessMs: undefined });
  });

  it(
    'does not prevent the start of the service',
    async () => {
      const service = await Service.start('postgres://wallet_gateway@127.0.0.1:1/wallet', HOUR_MS);
      const balance = await service.topUp();
      expect(await service.balance()).toEqual({ from: 'primary', stalenessMs: 0, balance });
      expect((await fetch(`${service.gateway.url}/readyz`)).status).toBe(200);
      await service.gateway.stop();
    },
    LIMIT_MS,
  );
});

describe('a standby that dies', () => {
  it(
    'is replaced by the primary at once, and used again when it is back',
    async () => {
      await cluster.stopWaitingForStandby();
      await until(
        () => patient.balance(),
        ({ from }) => from === 'standby',
      );
      await cluster.killStandby();
      // Each query is answered.
      await until(
        () => patient.balance(),
        ({ from }) => from === 'primary',
      );
      const balance = await patient.topUp();
      expect(await patient.balance()).toEqual({ from: 'primary', stalenessMs: 0, balance });
      await cluster.startStandby();
    },
    LIMIT_MS,
  );
});

function openStandby(url: string): Standby {
  return new Standby({
    url,
    primary: { url: cluster.url('wallet') },
    poolSize: 1,
    historySize: 1,
    statementTimeoutMs: 30_000,
    maxStalenessMs: HOUR_MS,
  });
}

function withLogin(url: string, name: string): string {
  return Object.assign(new URL(url), { username: name }).href;
}

function placeOf({ headers }: Response): { from: string | null; stalenessMs: number } {
  return { from: headers.get('Wallet-Read'), stalenessMs: Number(headers.get('Wallet-Staleness-Ms')) };
}

async function onStandby<R extends pg.QueryResultRow>(text: string): Promise<R[]> {
  return withClient(cluster.standbyUrl('postgres'), async (client) => (await client.query<R>(text)).rows);
}

function untilPaused(): Promise<unknown> {
  return until(
    () => onStandby<{ state: string }>('select pg_get_wal_replay_pause_state() as state'),
    ([row]) => row?.state === 'paused',
  );
}

async function until<T>(look: () => Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(50)) {
    const found = await look();
    if (isSo(found)) return found;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(found)}`);
  }
}
