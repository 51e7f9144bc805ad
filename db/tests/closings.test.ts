/** Figures that a block has declared final never change, whatever is open at that time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type EmbeddedServer, startEmbedded } from '../../src/dev/embedded.ts';
import { migrate } from '../../src/migrate/migrate.ts';
import { applyCurrent } from './current.ts';
import { call, createDatabase, expectSound, newAsset, newKey, newWallet, type Session } from './helpers.ts';
import { seal } from './seals.ts';

const LIMIT_MS = 600_000;
const WITHIN_MS = 120_000;

describe('1,000 closings under load, with slow transactions across each of them,', () => {
  const db = createDatabase();
  const CLOSINGS = 1_000;
  /** For how many blocks a slow transaction stays open between its two bookings. */
  const SLOW_FOR = 12;

  /** What was booked before an instant, in one snapshot. */
  const FIGURE = `select count(*) as movements, coalesce(sum(e.amount), 0) as amount
    from ledger.entries e where e.actor is not null and e.created_at < i.until`;

  it(
    'change no figure of a period that was declared final',
    async () => {
      const asset = await newAsset(db);
      const wallets = await Promise.all(Array.from({ length: 6 }, () => newWallet(db, asset, { bought: 1 })));
      const pool = db.jobPool(wallets.length);
      let blocks = 0;
      // A transaction in another database of the server also delays the end of periods: continue until some are final.
      const untils = new Set<string>();
      const isEnough = (): boolean => blocks >= CLOSINGS && untils.size > CLOSINGS / (4 * SLOW_FOR);
      const topUp = (session: Session, wallet_id: string | undefined): Promise<unknown> =>
        call(session, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
      const quick = async (wallet: string): Promise<void> => {
        while (!isEnough()) await topUp(pool, wallet);
      };
      const slow = async (wallet: string): Promise<void> => {
        while (!isEnough()) {
          const client = await pool.connect();
          try {
            await client.query('begin');
            await topUp(client, wallet);
            for (const end = blocks + SLOW_FOR; blocks < end && !isEnough();) await sleep(1);
            await topUp(client, wallet);
            await client.query('commit');
          } finally {
            client.release();
          }
        }
      };
      const final: { until: string; movements: string; amount: string }[] = [];
      const close = async (): Promise<void> => {
        const session = await db.connect();
        while (!isEnough()) {
          if (blocks >= CLOSINGS) await sleep(20);
          const [block] = await seal(session);
          if (!block) continue;
          blocks += 1;
          const { rows } = await session.query<(typeof final)[number]>(
            `select b.final_until as until, f.* from ledger.blocks b, (select b.final_until as until from ledger.blocks b where b.seq = $1) i,
               lateral (${FIGURE}) f where b.seq = $1 and b.final_until > '-infinity'`,
            [block.seq],
          );
          final.push(...rows);
          for (const { until } of rows) untils.add(until);
        }
      };
      await Promise.all([...wallets.slice(0, 4).map(quick), ...wallets.slice(4).map(slow), close()]);

      expect(blocks).toBeGreaterThanOrEqual(CLOSINGS);
      expect(untils.size).toBeGreaterThan(CLOSINGS / (4 * SLOW_FOR));
      const { rows: changed } = await db.query(
        `select i.*, f.* from unnest($1::timestamptz[], $2::bigint[], $3::numeric[]) i (until, movements_then, amount_then),
           lateral (${FIGURE}) f where (f.movements, f.amount) <> (i.movements_then, i.amount_then)`,
        [final.map(({ until }) => until), final.map(({ movements }) => movements), final.map(({ amount }) => amount)],
      );
      expect(changed).toEqual([]);
      await expectSound(db);
    },
    LIMIT_MS,
  );
});

describe('a block whose session is killed with SIGKILL', () => {
  let folder = '';
  let server: EmbeddedServer;
  const open: pg.Client[] = [];

  /** Connects as soon as the server accepts connections. */
  const connect = async (): Promise<pg.Client> => {
    for (const deadline = Date.now() + WITHIN_MS; ; await sleep(50)) {
      const client = new pg.Client({ connectionString: server.url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        open.push(client);
        await client.query(`set statement_timeout = ${WITHIN_MS}`);
        return client;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wallet-killed-'));
    server = await startEmbedded({ dataDir: join(folder, 'data'), database: 'ledger', settings: { fsync: 'off' } });
    await migrate(server.url);
    await applyCurrent(server.url);
  }, LIMIT_MS);
  afterAll(async () => {
    await Promise.all(open.map((client) => client.end()));
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  it.each([
    ['ledger.blocks', 'insert'],
    ['ledger.house_totals', 'insert'],
    ['ledger.block_heads', 'insert'],
    ['ledger.block_records', 'insert'],
    ['ledger_private.unsealed_events', 'delete'],
  ])(
    'right after it wrote %s (%s) leaves nothing of the block: all of it is closed by the next one',
    async (table, deed) => {
      const admin = await connect();
      const asset = await newAsset(admin);
      const wallet = await newWallet(admin, asset, { bought: 10, bonus: 5 });
      await call(admin, 'wallet_spend', { wallet_id: wallet, amount: 7, idem_key: newKey() });
      const blocks = async (session: Session): Promise<unknown[]> =>
        (await session.query('select b::text from ledger.blocks b order by b.seq')).rows;
      const before = await blocks(admin);
      // The sealer waits in the trigger until this lock is released.
      await admin.query(`
        create or replace function public.stop() returns trigger language plpgsql as $$
          begin perform pg_advisory_lock(4711); return null; end $$;
        create trigger stop after ${deed} on ${table} for each statement execute function public.stop();
        select pg_advisory_lock(4711)`);
      const sealer = await connect();
      const sealing = seal(sealer).then(
        () => 'closed',
        () => 'killed',
      );
      const ended = new Promise((resolve) => admin.once('end', resolve));
      for (const deadline = Date.now() + WITHIN_MS; ; await sleep(10)) {
        const { rows } = await admin.query<{ pid: number }>(
          "select pid from pg_locks where locktype = 'advisory' and not granted",
        );
        if (rows[0]) {
          process.kill(rows[0].pid, 'SIGKILL');
          break;
        }
        if (Date.now() > deadline) throw new Error(`the sealer does not come to ${table}`);
      }
      expect(await sealing).toBe('killed');
      // The server ends all sessions first: a session opened before that would end with them.
      await ended;

      const after = await connect();
      await after.query(`drop trigger stop on ${table}`);
      expect(await blocks(after)).toEqual(before);
      await expectSound(after);
      const balance = async (): Promise<unknown[]> => {
        const { rows } = await after.query<object>(
          'select account, debit::int, credit::int from ledger.ledger_trial_balance($1) where debit + credit > 0 order by account',
          [asset],
        );
        return rows;
      };
      const expected = [
        { account: 'players', debit: 0, credit: 8 },
        { account: 'promotions', debit: 5, credit: 0 },
        { account: 'revenue', debit: 0, credit: 7 },
        { account: 'treasury', debit: 10, credit: 0 },
      ];
      expect(await balance()).toEqual(expected);
      expect(await seal(after)).toHaveLength(1);
      expect(await balance()).toEqual(expected);
      await expectSound(after);
    },
    LIMIT_MS,
  );
});
