import { setTimeout as sleep } from 'node:timers/promises';
import { createGateway, type Gateway } from '../testing.ts';

const LIMIT_MS = 60_000;

const health = async (gateway: Gateway): Promise<[number, unknown]> => {
  const response = await fetch(`${gateway.url}/readyz`, { headers: { Connection: 'close' } });
  return [response.status, await response.json()];
};
const missing = (what: string): [number, unknown] => [503, { status: 'unavailable', missing: what }];
const READY = [200, { status: 'ready' }];

async function becomes(gateway: Gateway, answer: unknown): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  for (let seen; JSON.stringify((seen = await health(gateway))) !== JSON.stringify(answer); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`It stays ${JSON.stringify(seen)}`);
  }
}

describe('GET /readyz', () => {
  const gateway = createGateway();
  const { db } = gateway;
  /** Disables the triggers that keep the chain of migrations in order. */
  const change = (sql: string) => db.query(`begin; set local session_replication_role = replica; ${sql}; commit`);

  it('is 200 if the database has the newest migration of this code', async () => {
    expect(await health(gateway)).toEqual(READY);
  });

  it('is 503 if the database is older, and 200 if it is newer', async () => {
    await db.query(`create table kept as select * from wallet_migrate.migrations`);
    await change('delete from wallet_migrate.migrations where filename = (select max(filename) from kept)');
    const older = await health(gateway);
    await change(`insert into wallet_migrate.migrations select * from kept on conflict do nothing`);
    await change(
      `insert into wallet_migrate.migrations (hash, filename) select 'sha1:later', '999999.sql'
       from kept order by filename desc limit 1`,
    );
    const newer = await health(gateway);

    expect([older, newer]).toEqual([missing('migration'), READY]);
  });

  it('is 503 if the gateway may not read the migrations: a migration grants that', async () => {
    await db.query('revoke usage on schema wallet_migrate from wallet_gateway');
    const refused = await health(gateway);
    await db.query('grant usage on schema wallet_migrate to wallet_gateway');

    expect([refused, await health(gateway)]).toEqual([missing('migration'), READY]);
  });

  it('is 503 while the database refuses connections, and 200 afterwards', async () => {
    const admin = await db.connect();
    await admin.query('update pg_database set datallowconn = false where datname = current_database()');
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'wallet-%'`,
    );
    await becomes(gateway, missing('database'));
    await admin.query('update pg_database set datallowconn = true where datname = current_database()');

    await becomes(gateway, READY);
    expect(gateway.child.stderr).not.toMatch(/error .* in /);
  });
});

describe('a service after SIGTERM', () => {
  // The requests during the grace period take milliseconds.
  const gateway = createGateway({ DRAIN_GRACE_MS: '8000' });

  it('is not ready at once, answers during the grace period with the last answer of each connection, and then exits with 0', async () => {
    const asking = () =>
      gateway
        .as('service')
        .fetch('/graphql', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: '{"query": "{ assets(first: 1) { nodes { code } } }"}',
        })
        .then((response) => [response.status, response.headers.get('connection')]);
    const before = await asking();

    gateway.child.signal('SIGTERM');
    const told = performance.now();
    await becomes(gateway, missing('draining'));
    const during = await asking();
    // A second signal has no effect.
    gateway.child.signal('SIGTERM');
    const code = await gateway.child.exited;

    expect([before, during]).toEqual([
      [200, 'keep-alive'],
      [200, 'close'],
    ]);
    expect(code).toBe(0);
    expect(performance.now() - told).toBeGreaterThanOrEqual(7_900);
    await expect(fetch(`${gateway.url}/readyz`)).rejects.toThrow();
  });
});
