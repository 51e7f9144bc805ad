import { createDatabase, type Database } from '../db/tests/helpers.ts';
import { installLoad } from './databases.ts';
import type { Turn } from './measure.ts';
import { callInEach, openSessions, type Session } from './sessions.ts';

const WALLETS = 4;
const SECONDS = 0.2;
const OPENING = '1000000000';

async function setUp(db: Database): Promise<void> {
  const client = await db.connect();
  await installLoad(client);
  await client.query(`call bench.open_players('some', array['ONE', 'TWO'], $1)`, [WALLETS]);
}

async function inSessions(db: Database, count: number, name: string, args: unknown[]): Promise<Turn> {
  const sessions: Session[] = await openSessions(db.url, count);
  return callInEach(sessions, name, args).finally(() => Promise.all(sessions.map(({ client }) => client.end())));
}

/** Runs longer turns until one has several calls; returns the number of calls in all turns. */
async function severalCalls(db: Database, count: number, name: string): Promise<number> {
  let calls = 0;
  for (let seconds = SECONDS; ; seconds *= 4) {
    const turn = await inSessions(db, count, name, ['some', seconds]);
    expect(turn.seconds).toBeGreaterThanOrEqual(seconds);
    calls += turn.calls;
    if (turn.calls > count) return calls;
    expect(seconds).toBeLessThan(20);
  }
}

const countsOf = async (db: Database): Promise<Record<string, number>> => {
  const { rows } = await db.query<{ kind: string; count: number }>(
    'select kind, count(*)::int as count from ledger.transfers group by kind',
  );
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
};

async function rowsOf(db: Database, ...tables: string[]): Promise<number[]> {
  const counts = tables.map((table) => `(select count(*)::int from bench.${table})`);
  const { rows } = await db.query<{ counts: number[] }>(`select array[${counts.join(', ')}] as counts`);
  return rows[0]?.counts ?? [];
}

describe('the load', () => {
  const db = createDatabase();
  beforeAll(async () => {
    await setUp(db);
    await db.query(`call bench.fund_players('some')`);
  });

  afterEach(async () => {
    expect((await db.query('select * from ledger.ledger_verify()')).rows).toEqual([]);
  });

  it('is made by funded players, spread over the assets', async () => {
    const { rows } = await db.query(
      `select w.asset_code, count(*)::int as players, min((ledger.wallet_balance(w.id)).balance) as balance
         from bench.players p join ledger.wallets w using (id) group by w.asset_code order by w.asset_code`,
    );

    expect(rows).toEqual(['ONE', 'TWO'].map((code) => ({ asset_code: code, players: WALLETS / 2, balance: OPENING })));
  });

  it.each([
    ['spend', 'spend'],
    ['top_up', 'top_up'],
  ])('books a %s with each call it counts, in sessions side by side', async (name, kind) => {
    const before = await countsOf(db);
    const calls = await severalCalls(db, 2, `run_${name}`);

    expect(await countsOf(db)).toEqual({ ...before, [kind]: (before[kind] ?? 0) + calls });
  });

  it('books a transfer with each counted call', async () => {
    await db.query(`call bench.open_players('neighbours', array['THREE'], 3)`);
    await db.query(`call bench.fund_players('neighbours')`);
    const before = await countsOf(db);
    const { calls } = await inSessions(db, 2, 'run_transfer', ['neighbours', SECONDS]);

    expect(await countsOf(db)).toEqual({ ...before, transfer: calls });
  });

  it('books batches of all four kinds, and counts their items', async () => {
    const before = await countsOf(db);
    const { calls } = await inSessions(db, 1, 'run_batch', ['neighbours', 8, 0]);

    expect(calls).toBe(8);
    expect(await countsOf(db)).toEqual({
      top_up: (before.top_up ?? 0) + 2,
      spend: (before.spend ?? 0) + 2,
      transfer: (before.transfer ?? 0) + 2,
      bonus: 2,
    });
  });

  it.each(['replay', 'refusal', 'balance'])('books nothing with a %s', async (name) => {
    const before = await countsOf(db);
    await severalCalls(db, 1, `run_${name}`);

    expect(await countsOf(db)).toEqual(before);
  });

  it.each([
    { name: 'floor', tables: ['floor_transfers', 'floor_entries'], rows: [1, 2] },
    { name: 'bare', tables: ['bare_entries'], rows: [2] },
  ])('writes $rows rows with each call of $name, and none in the ledger', async ({ name, tables, rows }) => {
    const before = await countsOf(db);
    const calls = await severalCalls(db, 2, `run_${name}`);

    expect(await rowsOf(db, ...tables)).toEqual(rows.map((each) => each * calls));
    expect(await countsOf(db)).toEqual(before);
  });

  it.each([
    ['count_top_up', ['some', 3], { top_up: 3 }],
    ['count_spend', ['some', 3], { spend: 3 }],
    ['count_transfer', ['neighbours', 3], { transfer: 3 }],
    ['count_batch', ['neighbours', 8, 2], { top_up: 4, bonus: 4, spend: 4, transfer: 4 }],
    ['count_loop', ['some', 3], {}],
  ] as [string, unknown[], Record<string, number>][])(
    'books as many calls as %s was asked for',
    async (name, args, more) => {
      const before = await countsOf(db);
      const sessions = await openSessions(db.url, 1);
      await sessions[0]?.client.query(
        `call bench.${name}(${args.map((_, place) => `$${place + 1}`).join(', ')})`,
        args,
      );
      await sessions[0]?.client.end();
      const kinds = Object.entries(more).map(([kind, count]) => [kind, (before[kind] ?? 0) + count]);

      expect(await countsOf(db)).toEqual({ ...before, ...Object.fromEntries(kinds) });
    },
  );

  it('writes the two plain rows of a transfer as wide as the ledger does', async () => {
    await inSessions(db, 1, 'run_transfer', ['neighbours', SECONDS]);
    const widths = async (table: string): Promise<number[]> =>
      (
        await db.query<{ width: number }>(
          // A key ends in the number of the call.
          `select (avg(pg_column_size(e) - coalesce(octet_length(idem_key), 0)))::int as width
             from ${table} e where kind = 'transfer' group by actor is null order by 1`,
        )
      ).rows.map(({ width }) => width);

    const [bare, booked] = [await widths('bench.bare_entries'), await widths('ledger.entries')];
    expect(bare).toHaveLength(2);
    // Equal except for alignment.
    expect(bare.map((width, place) => Math.abs(width - (booked[place] ?? 0)) < 8)).toEqual([true, true]);
  });
});

describe('a history written for filling', () => {
  const db = createDatabase();
  beforeAll(async () => {
    await setUp(db);
    await db.query(`call bench.book_history('some', 1, 3)`);
    await db.query(`call bench.book_history('some', 4, 10)`);
  });

  it('can be continued by postings', async () => {
    const { rows } = await db.query(
      `select r.seq, r.balance from bench.players p, ledger.wallet_spend(p.id, 1000000, 'first') r`,
    );

    expect(rows).toEqual(Array.from({ length: WALLETS }, () => ({ seq: '11', balance: '9000000' })));
  });

  it('is valid except for its hashes', async () => {
    await db.query(`select ledger.wallet_top_up(p.id, 5, 'second') from bench.players p`);
    const { rows } = await db.query('select distinct rule from ledger.ledger_verify()');

    expect(rows).toEqual([{ rule: 'entry_hash' }]);
  });
});
