/** Calls in a group: each has its own outcome, that of a single call, whatever happens to the others. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import {
  createDatabase,
  expectSound,
  newKey,
  newWallet,
  rowsOf,
  setStatus,
  someAsset,
} from '../../db/tests/helpers.ts';
import { Proxy, POINTS } from '../../db/tests/prove/proxy.ts';
import { PostgresProtocol } from '../../db/tests/prove/protocol.ts';
import { toWaiting } from '../testing.ts';
import type { Flow } from './flow.ts';
import { BOSS, callerOf, FlowBench, poolOf, readFlows, SHOP, type FlowCall, type Outcome } from './testing_flows.ts';

// Hooks run in the order in which they are registered: this one before the database is dropped.
afterAll(async () => {
  process.off('unhandledRejection', note);
  await pool.end();
});
const db = createDatabase();
let pool: Pool;
let flows: ReadonlyMap<string, Flow>;
const troubles: unknown[] = [];
const note = (trouble: unknown) => troubles.push(trouble);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  pool = poolOf(db.url);
  flows = await readFlows(pool);
}, 120_000);
afterEach(() => {
  expect(troubles.splice(0)).toEqual([]);
});

const spend = (walletId: string, amount: number, idemKey = newKey()): FlowCall => ({
  name: 'walletSpend',
  input: { walletId, amount: String(amount), idemKey },
});
const topUp = (walletId: string, amount: number, idemKey = newKey()): FlowCall => ({
  name: 'walletTopUp',
  input: { walletId, amount: String(amount), idemKey },
});
const wallets = async (count: number, bought = 100): Promise<string[]> => {
  const asset = await someAsset(db);
  return Promise.all(Array.from({ length: count }, () => newWallet(db, asset, { bought })));
};
const codesOf = (outcomes: readonly Outcome[]): (string | undefined)[] =>
  outcomes.map(({ refusal }) => refusal?.extensions.code);

/** Another session holds the lock of the statement `lock` until `free` or the end of `work`. */
async function whileLocked<T>(
  lock: string,
  values: unknown[],
  work: (free: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const holder = await db.connect();
  await holder.query('begin');
  await holder.query(lock, values);
  const free = async () => {
    await holder.query('rollback');
  };
  return work(free).finally(free);
}
const lockWallet = 'select from ledger.wallets where id = $1 for update';

describe('calls of one caller', () => {
  it('are sent at once and alone while none is in flight', async () => {
    const bench = new FlowBench(flows, pool);
    const [walletId = ''] = await wallets(1);

    for (let nth = 0; nth < 3; nth += 1) await bench.post(spend(walletId, 1));

    expect(bench.sent).toEqual([1, 1, 1]);
  });

  it('that wait for a connection are sent together, at most 32, each with its own receipt', async () => {
    const bench = new FlowBench(flows, pool);
    const ids = await wallets(70);

    const outcomes = await bench.together(ids.map((id, nth) => topUp(id, nth + 1)));

    expect(bench.sent.reduce((sum, size) => sum + size)).toBe(70);
    expect(Math.max(...bench.sent)).toBe(32);
    expect(outcomes.map(({ receipt }) => receipt)).toEqual(
      ids.map((id, nth): unknown =>
        expect.objectContaining({
          wallet_id: id,
          amount: String(nth + 1),
          balance: String(101 + nth),
          replayed: false,
        }),
      ),
    );
  });

  it('are sent alone without grouping', async () => {
    const bench = new FlowBench(flows, pool, { grouping: false });
    const ids = await wallets(10);

    await bench.together(ids.map((id) => topUp(id, 1)));

    expect(bench.sent).toEqual(ids.map(() => 1));
  });

  it('of 64 on one wallet, with equal keys and refusals in between, are booked once each and in order', async () => {
    const bench = new FlowBench(flows, pool);
    const [walletId = ''] = await wallets(1, 1000);
    const keys = Array.from({ length: 8 }, newKey);
    const calls = Array.from({ length: 64 }, (_, nth) => {
      if (nth % 4 === 1) return spend(walletId, 5, keys[nth % 8]);
      if (nth % 4 === 2) return spend(walletId, 1_000_000);
      if (nth % 4 === 3) return spend(walletId, nth % 8 === 3 ? 0 : 7, keys[1]);
      return spend(walletId, 1);
    });

    const outcomes = await bench.together(calls);

    expect(Math.max(...bench.sent)).toBe(32);
    const booked = new Map<unknown, unknown[]>();
    outcomes.forEach(({ receipt, refusal }, nth) => {
      const { amount, idemKey } = calls[nth]?.input ?? {};
      if (nth % 4 === 2)
        expect(refusal).toMatchObject({ extensions: { code: 'INSUFFICIENT_FUNDS', detail: { requested: '1000000' } } });
      else if (nth % 8 === 3) expect(refusal?.extensions.code).toBe('INVALID_AMOUNT');
      else if (nth % 8 === 7) expect(refusal?.extensions.code).toBe('IDEMPOTENCY_KEY_REUSED');
      else {
        expect(receipt).toMatchObject({ wallet_id: walletId, amount });
        booked.set(idemKey, [...(booked.get(idemKey) ?? []), receipt]);
      }
    });
    expect(booked.size).toBe(16 + 2);
    for (const receipts of booked.values()) {
      const [first, ...others] = receipts as { replayed: boolean }[];
      expect(first?.replayed).toBe(false);
      for (const other of others) expect(other).toEqual({ ...first, replayed: true });
    }
    const { rows } = await db.query(
      'select balance from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [walletId],
    );
    expect(rows).toEqual([{ balance: String(1000 - 16 - 2 * 5) }]);
    expect(await rowsOf(db, walletId)).toMatchObject({ entries: 1 + 18 });
  });

  it('are never grouped with those of another caller, and each is recorded under its own name', async () => {
    const bench = new FlowBench(flows, pool);
    const ids = await wallets(24);
    const callers = [SHOP, BOSS, callerOf('service', 'other'), callerOf('operator', 'shop')];

    await bench.heldBack(() => Promise.all(ids.map((id, nth) => bench.post(spend(id, 1), callers[nth % 4]))));

    expect(bench.sent).toEqual([6, 6, 6, 6]);
    const { rows } = await db.query<{ wallet_id: string; actor: string }>(
      "select wallet_id, actor from ledger.entries where wallet_id = any ($1) and kind = 'spend'",
      [ids],
    );
    const actors = new Map(rows.map(({ wallet_id, actor }) => [wallet_id, actor]));
    expect(ids.map((id) => actors.get(id))).toEqual(
      ids.map((_, nth) => ['service:shop', 'operator:boss', 'service:other', 'operator:shop'][nth % 4]),
    );
  });

  it('of a role that may not call the flow are FORBIDDEN, without effect on the others', async () => {
    const bench = new FlowBench(flows, pool);
    const ids = await wallets(3);
    const reverse = {
      name: 'walletReverse',
      input: { walletId: ids[0], transferId: '00000000-0000-7000-8000-000000000000', idemKey: newKey() },
    };

    const outcomes = await bench.together([...ids.map((id) => spend(id, 1)), reverse]);
    const player = await bench.outcome(spend(ids[0] ?? '', 1), callerOf('player', 'bob'));

    expect(codesOf(outcomes)).toEqual([undefined, undefined, undefined, 'FORBIDDEN']);
    expect(codesOf([player])).toEqual(['FORBIDDEN']);
  });

  it('with large values are sent alone', async () => {
    const bench = new FlowBench(flows, pool);
    const [walletId = ''] = await wallets(1);
    const large = {
      ...spend(walletId, 1),
      input: { ...spend(walletId, 1).input, metadata: { text: 'x'.repeat(30_000) } },
    };

    const outcomes = await bench.together([large, spend(walletId, 1), spend(walletId, 1)]);

    expect(codesOf(outcomes)).toEqual(['INVALID_ARGUMENT', undefined, undefined]);
    expect(bench.sent.sort()).toEqual([1, 2]);
  });
});

describe('a group', () => {
  it('waits for no wallet: skipped calls (55P03) are sent again alone, and wait then', async () => {
    const bench = new FlowBench(flows, pool);
    const [busy = '', ...others] = await wallets(5);

    await whileLocked(lockWallet, [busy], async (free) => {
      const calls = [busy, ...others, busy].map((id) => spend(id, 1));
      const outcomes = bench.heldBack(() => Promise.resolve(calls.map((call) => bench.outcome(call))));
      const [first, ...more] = await outcomes;
      expect(codesOf(await Promise.all(more.slice(0, 4)))).toEqual(others.map(() => undefined));
      await free();
      expect(codesOf(await Promise.all([first ?? {}, more[4] ?? {}]))).toEqual([undefined, undefined]);
    });

    expect(bench.sent).toEqual([6, 1, 1]);
    expect(await rowsOf(db, busy)).toMatchObject({ entries: 3 });
  });

  it('is sent while a single call waits for its wallet, and leaves that wallet to it', async () => {
    const bench = new FlowBench(flows, pool);
    const [busy = '', ...others] = await wallets(5);

    await whileLocked(lockWallet, [busy], async (free) => {
      const alone = bench.outcome(spend(busy, 1));
      await toWaiting(db, 'abs');
      const behind = bench.outcome(spend(busy, 2));
      expect(codesOf(await Promise.all(others.map((id) => bench.outcome(spend(id, 1)))))).toEqual(
        others.map(() => undefined),
      );
      await free();
      expect((await alone).receipt).toMatchObject({ balance: '99' });
      expect((await behind).receipt).toMatchObject({ balance: '97' });
    });

    expect(bench.sent.reduce((sum, size) => sum + size)).toBe(6);
  });

  it('with one invalid value (22021) is sent again one by one: the others are booked', async () => {
    const bench = new FlowBench(flows, pool);
    const ids = await wallets(6);

    const outcomes = await bench.together(ids.map((id, nth) => spend(id, 1, nth === 2 ? 'a\0b' : newKey())));

    expect(codesOf(outcomes)).toEqual([undefined, undefined, 'INVALID_ARGUMENT', undefined, undefined, undefined]);
    expect(bench.sent).toEqual([6, 1, 1, 1, 1, 1, 1]);
  });

  it('that fails at its commit is rolled back, and sent again one by one: one is refused, the others are booked', async () => {
    const bench = new FlowBench(flows, pool);
    const ids = await wallets(4);
    const key = newKey();
    await db.query(`
      create function too_late() returns trigger language plpgsql as $$ begin raise 'too late' using errcode = 'WLLIM'; end $$;
      create constraint trigger too_late after insert on ledger.entries deferrable initially deferred
        for each row when (new.idem_key = '${key}') execute function too_late()`);

    const outcomes = await bench.together(ids.map((id, nth) => spend(id, 1, nth === 1 ? key : newKey())));

    await db.query('drop trigger too_late on ledger.entries');
    expect(codesOf(outcomes)).toEqual([undefined, 'LIMIT_EXCEEDED', undefined, undefined]);
    expect(await Promise.all(ids.map(async (id) => (await rowsOf(db, id)).entries))).toEqual([2, 1, 2, 2]);
  });

  it.each([
    ['cancelled (57014): sent again one by one', 'pg_cancel_backend', [undefined, undefined, undefined]],
    [
      'ended with its session (57P01): RETRY for each, and nothing is booked',
      'pg_terminate_backend',
      ['RETRY', 'RETRY', 'RETRY'],
    ],
  ] as const)('that is %s', async (_what, how, codes) => {
    const bench = new FlowBench(flows, pool);
    const ids = await wallets(3);
    const calls = ids.map((id) => spend(id, 1));

    const outcomes = await whileLocked('lock table ledger.entries in exclusive mode', [], async (free) => {
      const answers = bench.together(calls);
      await toWaiting(db, how);
      // Now each call waits alone, or all have their answers.
      await Promise.race([answers, toWaiting(db, 'abs')]);
      await free();
      return answers;
    });

    expect(codesOf(outcomes)).toEqual(codes);
    for (const outcome of await bench.together(calls)) {
      expect(outcome.receipt).toMatchObject({ balance: '99', replayed: codes[0] === undefined });
    }
  });

  async function untilNoOtherIsAtWork(): Promise<void> {
    const others = `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
      and backend_type = 'client backend' and state <> 'idle'`;
    for (const deadline = Date.now() + 60_000; (await db.query(others)).rowCount; await sleep(20))
      if (Date.now() > deadline) throw new Error('a session does not end');
  }

  it.each(POINTS)('that is cut %s is RETRY for each caller, and each key gives one booking', async (point) => {
    const proxy = new Proxy(
      () => Number(new URL(db.url).port),
      () => new PostgresProtocol(),
      () => undefined,
    );
    await proxy.listen();
    const url = new URL(db.url);
    url.host = `127.0.0.1:${proxy.port}`;
    const own = poolOf(url.href);
    const bench = new FlowBench(flows, own);
    const [hot = '', ...ids] = await wallets(9);
    const calls = [...ids.map((id) => spend(id, 1)), ...Array.from({ length: 8 }, () => spend(hot, 2))];

    // Open the connection and prepare its statements first.
    await bench.together(calls.map(({ input }) => spend(String(input.walletId), 1)));
    proxy.arm({ unit: 'call', point, part: 0.5 });
    const outcomes = await bench.together(calls);

    expect(codesOf(outcomes)).toEqual(calls.map(() => 'RETRY'));
    // The session that was cut off may still be at work, and a retry must not overtake it.
    await untilNoOtherIsAtWork();
    const again = await bench.together(calls);
    expect(codesOf(again)).toEqual(calls.map(() => undefined));
    // The server has booked all calls if it received all of them, otherwise none.
    const replayed = new Set(again.map(({ receipt }) => receipt?.replayed));
    expect([...replayed]).toEqual([
      point === 'before its answer' || point === 'in the midst of its answer' || point === 'sent',
    ]);
    expect((await rowsOf(db, hot)).entries).toBe(1 + 8 + 8);
    await own.end();
    await proxy.close();
  });

  it('with one frozen and one closed wallet refuses these calls alone (WALLET_FROZEN, WALLET_CLOSED)', async () => {
    const bench = new FlowBench(flows, pool);
    const [frozen = '', closed = '', open = ''] = await wallets(3, 0);
    await bench.post(topUp(frozen, 5));
    await setStatus(db, frozen, 'frozen');
    await setStatus(db, closed, 'closed');

    const outcomes = await bench.together([spend(frozen, 1), topUp(closed, 1), topUp(open, 1)]);

    expect(codesOf(outcomes)).toEqual(['WALLET_FROZEN', 'WALLET_CLOSED', undefined]);
  });
});

describe('without a connection', () => {
  it('waiting calls are RETRY, and later ones are served', async () => {
    const own = poolOf(db.url, 1);
    const bench = new FlowBench(flows, own);
    const ids = await wallets(3);
    const taken = await own.connect();
    const { connectionTimeoutMillis } = own.options;
    own.options.connectionTimeoutMillis = 100;

    expect(codesOf(await bench.together(ids.map((id) => spend(id, 1))))).toEqual(['RETRY', 'RETRY', 'RETRY']);

    own.options.connectionTimeoutMillis = connectionTimeoutMillis;
    taken.release();
    expect(codesOf(await bench.together(ids.map((id) => spend(id, 1))))).toEqual([undefined, undefined, undefined]);
    await own.end();
  });
});

it('leaves the ledger sound', async () => {
  await expectSound(db);
});
