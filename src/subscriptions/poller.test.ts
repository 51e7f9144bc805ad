import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase } from '../../db/tests/helpers.ts';
import { Poller } from './poller.ts';

const LIMIT_MS = 60_000;

/** A poller, and the number of its rounds. */
class Polling {
  rounds = 0;
  readonly #poller: Poller;

  constructor(url: string) {
    this.#poller = new Poller({
      url,
      onRound: () => {
        this.rounds += 1;
      },
    });
  }

  async does(more: number): Promise<void> {
    const goal = this.rounds + more;
    for (const deadline = Date.now() + LIMIT_MS; this.rounds < goal; await sleep(20))
      if (Date.now() > deadline) throw new Error('It does not poll');
  }

  stop(): Promise<void> {
    return this.#poller.stop();
  }
}

describe('the poller', () => {
  const db = createDatabase();

  it('polls whatever advisory locks a trusted job holds', async () => {
    const job = await db.connectJob();
    await job.query("select pg_advisory_lock(hashtext(name)) from unnest(array['wallet_poller', 'poller_turn']) name");
    const poller = new Polling(db.url);
    try {
      await poller.does(3);
    } finally {
      await poller.stop();
    }
  });

  it('waits while another one polls, takes over when that ends, and delays no transaction meanwhile', async () => {
    const first = new Polling(db.url);
    await first.does(1);
    const second = new Polling(db.url);
    /** Compares the time of the poller's last attempt. */
    const hasAsked = async () =>
      (
        await db.query(
          `select from pg_stat_activity where datname = current_database() and application_name = 'wallet-poller'
             and query like '%take_poller_turn()%' and state = 'idle in transaction'`,
        )
      ).rowCount === 1;
    try {
      for (const deadline = Date.now() + LIMIT_MS; !(await hasAsked()); await sleep(20))
        if (Date.now() > deadline) throw new Error('It does not ask for its turn');
      await first.does(10);
      expect(second.rounds).toBe(0);
      const { rows } = await db.query(
        `select count(*)::int as sessions, count(backend_xid)::int as writing from pg_stat_activity
         where datname = current_database() and application_name = 'wallet-poller' and state = 'idle in transaction'`,
      );
      expect(rows).toEqual([{ sessions: expect.any(Number) as number, writing: 0 }]);

      await first.stop();
      await second.does(1);
    } finally {
      await Promise.all([first.stop(), second.stop()]);
    }
  });

  it('continues after the connection that holds its lock was cut', async () => {
    const poller = new Polling(db.url);
    try {
      await poller.does(1);
      const { rowCount } = await db.query(
        `select pg_terminate_backend(l.pid) from pg_locks l where l.relation = 'gateway.poller_turn'::regclass and l.granted
           and l.database = (select oid from pg_database where datname = current_database())`,
      );
      expect(rowCount).toBe(1);
      await poller.does(10);
    } finally {
      await poller.stop();
    }
  });
});
