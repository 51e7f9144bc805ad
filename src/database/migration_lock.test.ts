import pg from 'pg';
import { createDatabase } from '../../db/tests/helpers.ts';
import { withLogin } from '../testing.ts';
import { GRAPHILE_MIGRATE_LOCK, withMigrationLock } from './migration_lock.ts';
import { migrate } from './migrate.ts';

const db = createDatabase();

/** A session that a login opened itself and that holds these locks; how it ends is told. */
async function holding(url: string, locks: string[]): Promise<{ client: pg.Client; ended: Promise<string> }> {
  const client = new pg.Client({ connectionString: url });
  const ended = new Promise<string>((resolve) => {
    client.on('error', (error) => {
      resolve(String((error as { code?: unknown }).code));
    });
  });
  await client.connect();
  for (const lock of locks) await client.query('select pg_advisory_lock($1)', [lock]);
  return { client, ended };
}

describe('a migration', () => {
  it('goes on where a trusted job holds its locks, and ends the session of that job (57P01)', () =>
    withLogin(db, 'wallet_test_job', async (url) => {
      const { rows } = await db.query<{ queue: string }>("select hashtext('graphile_worker')::bigint as queue");
      const locks = [GRAPHILE_MIGRATE_LOCK, '9255386447283'];
      const thieves = [await holding(url, locks.slice(0, 1)), await holding(url, locks.slice(1))];
      const bystander = await holding(url, [rows[0]?.queue ?? '', '1']);
      try {
        await migrate(db.url);

        for (const { ended } of thieves) expect(await ended).toBe('57P01');
        expect((await bystander.client.query('select 1 as here')).rows).toEqual([{ here: 1 }]);
      } finally {
        await Promise.all([...thieves, bystander].map(({ client }) => client.end()));
      }
    }));

  it('waits for another migration', async () => {
    const order: string[] = [];
    const first = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<undefined>();

    const migrations = [
      withMigrationLock(db.url, async () => {
        begun.resolve(undefined);
        await first.promise;
        order.push('first');
      }),
      begun.promise.then(() =>
        withMigrationLock(db.url, () => {
          order.push('second');
          return Promise.resolve();
        }),
      ),
    ];
    await begun.promise;
    await attempts(2);
    first.resolve(undefined);
    await Promise.all(migrations);

    expect(order).toEqual(['first', 'second']);
  });
});

/** Waits until so many sessions migrate. */
async function attempts(count: number): Promise<void> {
  for (;;) {
    const { rows } = await db.query<{ sessions: number }>(
      `select count(*)::int as sessions from pg_stat_activity
       where datname = current_database() and application_name = 'wallet-migrate' and query like 'select pg_try_advisory_lock%'`,
    );
    if ((rows[0]?.sessions ?? 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
