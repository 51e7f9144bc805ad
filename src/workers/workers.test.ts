/** The service in several processes: it starts, serves, is replaced, counts and stops as one. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { createDatabase, newKey, newWallet, rowsOf, someAsset } from '../../db/tests/helpers.ts';
import { signToken } from '../dev/sign_token.ts';
import { parseMetrics, valueOf, type Family } from '../observability/testing_metrics.ts';
import { AUTH, Child, createGateway, execute, Gateway, linesOfLog, withLogin, type Env } from '../testing.ts';
import { partOf } from './parts.ts';

const WORKERS = 2;
/** A generous limit: only a hang reaches it. */
const LIMIT_MS = 240_000;

async function until<T>(what: string, look: () => Promise<T> | T, isSo: (found: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(50)) {
    const found = await look();
    if (isSo(found)) return found;
    if (Date.now() > deadline) throw new Error(`It never came to this: ${what}: ${JSON.stringify(found)}`);
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

/** On a new connection, which any of the processes may get. */
function onOwnConnection(gateway: Gateway, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request(`${gateway.url}${path}`, { agent: new Agent({ keepAlive: false }) }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('error', reject).on('end', () => {
        resolve({ status: answer.statusCode ?? 0, text });
      });
    })
      .on('error', reject)
      .end();
  });
}

async function scrape(gateway: Gateway): Promise<Map<string, Family>> {
  const { status, text } = await onOwnConnection(gateway, '/metrics');
  expect(status).toBe(200);
  return parseMetrics(text);
}

const spends = (families: Map<string, Family>): number =>
  valueOf(families, 'http_request_duration_seconds_count', {
    route: '/graphql',
    operation: 'walletSpend',
    outcome: 'ok',
  }) ?? 0;

describe('a service of two processes', () => {
  const gateway = createGateway({ GATEWAY_WORKERS: String(WORKERS), POOL_SIZE: '9', MAX_SOCKETS: '9' });
  const { db } = gateway;
  let walletId: string;
  beforeAll(async () => {
    walletId = await newWallet(db, await someAsset(db), { bought: 10_000 });
  });

  /** Each call has its own connection, so that all processes answer some. */
  async function spend(count: number): Promise<void> {
    const token = await signToken(AUTH, { role: 'service', sub: 'shop' });
    for (let nth = 0; nth < count; nth += 1) {
      const answer = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, Connection: 'close' },
        body: JSON.stringify({
          query: 'mutation ($input: WalletSpendInput!) { walletSpend(input: $input) { receipt { replayed } } }',
          variables: { input: { walletId, amount: '1', idemKey: newKey() } },
        }),
      });
      expect(await answer.json()).toEqual({ data: { walletSpend: { receipt: { replayed: false } } } });
    }
  }

  it('prints once that it listens, and has two processes behind one port', async () => {
    expect(gateway.child.stdout.match(/^Listening on /gm)).toHaveLength(1);
    expect(await childrenOf(gateway.child.pid)).toHaveLength(WORKERS);
  });

  it('has at most POOL_SIZE connections for calls and downloads, and MAX_SOCKETS websockets', async () => {
    const families = await scrape(gateway);

    const most = (pool: string) => valueOf(families, 'db_pool_max', { pool });
    expect((most('wallet-gateway') ?? 0) + (most('wallet-history') ?? 0)).toBe(9);
    expect(valueOf(families, 'websockets_max')).toBe(9);
    // The first process has these pools, however many processes serve.
    expect(['wallet-worker', 'wallet-poller', 'wallet-metrics'].map(most)).toEqual([5, 2, 1]);
  });

  it("exports the sum of all processes from each of them, and the ledger's metrics once", async () => {
    const before = spends(await scrape(gateway));

    await spend(20);

    const counted = async (): Promise<number[]> =>
      Promise.all([1, 2, 3, 4].map(async () => spends(await scrape(gateway)) - before));
    await until('each shows all', counted, (counts) => counts.every((count) => count === 20));
    const families = await scrape(gateway);
    expect(valueOf(families, 'wallet_database_up')).toBe(1);
    expect(valueOf(families, 'ledger_feed_lag_seconds')).toBeGreaterThanOrEqual(0);
    expect(valueOf(families, 'process_start_time_seconds')).toBeLessThan(Date.now() / 1000);
    await until(
      'the poller counts them',
      async () => valueOf(await scrape(gateway), 'wallet_postings_total', { kind: 'spend' }),
      (count = 0) => count >= 20,
    );
    expect(valueOf(await scrape(gateway), 'wallet_poller_last_round_seconds')).toBeGreaterThanOrEqual(0);
  });

  it('replaces a killed process, logs it, serves meanwhile, and keeps its counters', async () => {
    const [victim = 0, other = 0] = await childrenOf(gateway.child.pid);
    await spend(6);
    const before = await until(
      'some are counted',
      async () => spends(await scrape(gateway)),
      (count) => count >= 6,
    );

    process.kill(victim, 'SIGKILL');
    await gateway.child.complains('a gateway process has ended, and is replaced');
    const meanwhile = spends(await scrape(gateway));

    const children = await until(
      'there are two again',
      () => childrenOf(gateway.child.pid),
      ({ length }) => length === WORKERS,
    );
    expect(children).toContain(other);
    expect(children).not.toContain(victim);
    await until(
      'the new one serves',
      () => gateway.child.stdout,
      (text) => text.includes('a gateway process has taken its place'),
    );
    expect(linesOfLog(gateway.child.stderr)).toContainEqual(
      expect.objectContaining({ level: 'error', pid: victim, signal: 'SIGKILL' }),
    );
    expect(meanwhile).toBeGreaterThanOrEqual(before);
    await spend(10);
    await until(
      'none is forgotten',
      async () => spends(await scrape(gateway)),
      (count) => count === before + 10,
    );
  });

  it('notifies subscribers of each process', async () => {
    const token = await signToken(AUTH, { role: 'service', sub: 'shop' });
    let connections = 0;
    const clients = Array.from({ length: 4 }, () =>
      createClient({
        on: { connected: () => (connections += 1) },
        url: gateway.url.replace('http', 'ws') + '/graphql',
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
      }),
    );
    const query = `subscription { walletChanged(walletId: "${walletId}") { wallet { seq } } }`;
    const watches = clients.map((client) => {
      const events = client.iterate<{ walletChanged: { wallet: { seq: string } } }>({ query });
      // An event may be delivered twice.
      return async (least: number): Promise<number> => {
        for await (const { data } of events) {
          const seq = Number(data?.walletChanged.wallet.seq);
          if (seq >= least) return seq;
        }
        throw new Error('No more events');
      };
    });
    const { rows } = await db.query<{ seq: string }>(
      'select max(seq) as seq from ledger.entries where wallet_id = $1',
      [walletId],
    );
    const newest = Number(rows[0]?.seq);
    const seen = Promise.all(watches.map((watch) => watch(newest + 1)));
    await until(
      'all are connected',
      () => connections,
      (count) => count === clients.length,
    );
    await spend(1);

    expect(await seen).toEqual(clients.map(() => newest + 1));
    for (const client of clients) await client.dispose();
  });

  it('ignores signals in gateway processes: the first process decides when all stop', async () => {
    const children = await childrenOf(gateway.child.pid);

    for (const pid of children) process.kill(pid, 'SIGTERM');
    await spend(4);

    expect(await childrenOf(gateway.child.pid)).toEqual(children);
    expect((await onOwnConnection(gateway, '/readyz')).status).toBe(200);
  });
});

describe('a service of two processes after SIGTERM', () => {
  const db = createDatabase();

  async function start(env: Env): Promise<Gateway> {
    const gateway = new Gateway(db, { GATEWAY_WORKERS: String(WORKERS), ...env });
    await gateway.start();
    return gateway;
  }

  it('is not ready in any process at once, answers requests in flight, exits with 0 and leaves no process', async () => {
    const gateway = await start({ DRAIN_GRACE_MS: '3000' });
    const children = await childrenOf(gateway.child.pid);
    const ids = await Promise.all(
      Array.from({ length: 8 }, async () => newWallet(db, await someAsset(db), { bought: 20 })),
    );
    const holder = await db.connect();
    await holder.query('begin; select from ledger.wallets for update');
    const token = await signToken(AUTH, { role: 'service', sub: 'shop' });
    const answers = ids.map((id) =>
      fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Connection: 'close' },
        body: JSON.stringify({
          query: `mutation { walletSpend(input: {walletId: "${id}", amount: 1, idemKey: "late"}) { receipt { balance } } }`,
        }),
      }),
    );
    await until(
      'some wait in each process',
      () =>
        db.query(
          "select distinct client_port from pg_stat_activity where datname = current_database() and application_name = 'wallet-gateway' and wait_event_type = 'Lock'",
        ),
      ({ rowCount }) => (rowCount ?? 0) >= WORKERS,
    );

    gateway.child.signal('SIGTERM');
    const ready = async () => {
      const answers = await Promise.all([1, 2, 3, 4].map(() => onOwnConnection(gateway, '/readyz')));
      return answers.map(({ status }) => status);
    };
    await until('none is ready', ready, (codes) => codes.every((code) => code === 503));
    await holder.query('rollback');

    for (const answer of await Promise.all(answers))
      expect(await answer.json()).toEqual({ data: { walletSpend: { receipt: { balance: '19' } } } });
    expect(await gateway.child.exited).toBe(0);
    expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    for (const id of ids) expect((await rowsOf(db, id)).entries).toBe(2);
  });

  it('leaves no process if the first one is killed', async () => {
    const gateway = await start({});
    const children = await childrenOf(gateway.child.pid);
    expect(children).toHaveLength(WORKERS);

    process.kill(gateway.child.pid, 'SIGKILL');

    await until(
      'all have ended',
      () => children.filter((pid) => existsSync(`/proc/${pid}`)),
      ({ length }) => length === 0,
    );
  });
});

describe('a service of two processes whose processes cannot be started again', () => {
  const db = createDatabase();

  it('serves with the remaining ones, retries at growing intervals, and exits with 3 and one line when none is left', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wallet-documents-'));
    const documents = join(folder, 'documents.json');
    const text = '{ __typename }';
    await writeFile(documents, JSON.stringify({ [createHash('sha256').update(text).digest('hex')]: text }));
    const gateway = new Gateway(db, { GATEWAY_WORKERS: String(WORKERS), PERSISTED_DOCUMENTS: documents });
    try {
      await gateway.start();
      const [victim = 0, other = 0] = await childrenOf(gateway.child.pid);
      await rm(documents);
      const ended = (): Record<string, unknown>[] =>
        linesOfLog(gateway.child.stderr).filter(({ msg }) => msg === 'a gateway process has ended, and is replaced');

      process.kill(victim, 'SIGKILL');

      const lines = await until('it was tried often', ended, ({ length }) => length >= 6);
      expect(lines.slice(1).map(({ level, code }) => ({ level, code }))).toEqual(
        lines.slice(1).map(() => ({ level: 'error', code: 2 })),
      );
      // The pauses between the attempts grow.
      const times = lines.slice(-3).map(({ time }) => Date.parse(String(time)));
      expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(5_000);
      expect((await onOwnConnection(gateway, '/readyz')).status).toBe(200);
      expect(valueOf(await scrape(gateway), 'gateway_processes')).toBe(1);
      expect(valueOf(await scrape(gateway), 'gateway_processes_ended_total')).toBeGreaterThanOrEqual(6);

      process.kill(other, 'SIGKILL');

      expect(await gateway.child.exited).toBe(3);
      expect(gateway.child.stderr).toMatch(
        /^No gateway process serves: \d+ in a row have ended at once, the last by code 2$/m,
      );
    } finally {
      await gateway.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('a service of several processes that cannot start', () => {
  const db = createDatabase();

  /** Expects the start to fail with one line. */
  async function refuse(env: Env, expected: number): Promise<string> {
    const { code, stdout, stderr } = await execute(process.execPath, ['src/server.ts'], {
      env: { JWT_SECRET: AUTH.secret, PORT: '0', DATABASE_URL: db.url, GATEWAY_WORKERS: '3', ...env },
    });
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    return stderr.trim();
  }

  it('because its port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const { port } = other.address() as { port: number };

    const line = await refuse({ PORT: String(port) }, 2).finally(() => other.close());

    expect(line).toMatch(new RegExp(`^Cannot listen on port ${port}: .*EADDRINUSE`));
  });

  it.each([
    ['the database cannot be reached', { DATABASE_URL: 'postgres://somebody@127.0.0.1:1/wallet' }, 3, /ECONNREFUSED/],
    ['a setting is wrong', { LOG_LEVEL: 'loud' }, 2, /^LOG_LEVEL must be one of/],
    ['only the processes that serve need it', { PERSISTED_DOCUMENTS: '/nowhere' }, 2, /nowhere/],
    [
      'there are too few connections for all',
      { POOL_SIZE: '5' },
      2,
      /^POOL_SIZE must be 6 or more with GATEWAY_WORKERS 3/,
    ],
    [
      'there are too many of them',
      { GATEWAY_WORKERS: '65' },
      2,
      /^GATEWAY_WORKERS must be a whole number from 1 to 64$/,
    ],
  ])('because %s', async (_why, env: Env, code, line) => {
    expect(await refuse(env, code)).toMatch(line);
  });

  it('because the database is not migrated, and its login may not do so', async () => {
    const name = `${new URL(db.url).pathname.slice(1)}_empty`;
    await db.query(`create database ${name}`);
    try {
      const line = await withLogin(db, 'wallet_gateway', (url) =>
        refuse({ DATABASE_URL: Object.assign(new URL(url), { pathname: `/${name}` }).href }, 2),
      );

      expect(line).toMatch(/^The database has no schema to serve \(is it migrated\?\)/);
    } finally {
      await db.query(`drop database ${name} with (force)`);
    }
  });
});

describe('the log of several processes', () => {
  const db = createDatabase();

  it('has whole lines after a time in which it was not read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wallet-log-'));
    const go = join(folder, 'go');
    // A real pipe, as in containers; Node's children get a socket pair.
    const reads = `while read -r line; do echo "$line"; case $line in Listening*) break;; esac; done
      until [ -e '${go}' ]; do sleep 0.1; done; exec cat`;
    const service = new Child('bash', ['-c', `'${process.execPath}' src/server.ts | (${reads})`], {
      env: {
        NODE_ENV: 'production',
        JWT_SECRET: AUTH.secret,
        DATABASE_URL: db.url,
        PORT: '0',
        GATEWAY_WORKERS: String(WORKERS),
      },
    });
    try {
      const [, url = ''] = await service.prints(/^Listening on (\S+)$/m);
      const paths = Array.from({ length: 1500 }, (_, nth) => `/nothing-${nth}-${'x'.repeat(150)}`);
      for (let nth = 0; nth < paths.length; nth += 50)
        await Promise.all(
          paths.slice(nth, nth + 50).map((path) => fetch(`${url}${path}`, { headers: { Connection: 'close' } })),
        );
      await writeFile(go, '');

      const seen = await until(
        'all are there',
        () => new Set(service.stdout.match(/\/nothing-\d+-x{150}/g)),
        ({ size }) => size === paths.length,
      );

      expect([...seen].sort()).toEqual(paths.sort());
      const lines = service.stdout.split('\n').filter((line) => line.includes('nothing'));
      expect(lines.map((line) => (JSON.parse(line) as { path: string }).path).sort()).toEqual(paths);
    } finally {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("the shares of a service's limit", () => {
  it.each([
    [10, 2],
    [9, 2],
    [11, 4],
    [0, 3],
    [1000, 64],
  ])('of %i for %i processes add up to it, and differ by one at most', (whole, count) => {
    const parts = Array.from({ length: count }, (_, place) => partOf(whole, count, place));

    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(whole);
    expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1);
  });
});
