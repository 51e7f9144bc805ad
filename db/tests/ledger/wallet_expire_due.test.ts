import { age, rehash, tampering } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  newAsset,
  newKey,
  newWallet,
  postBatch,
  refusal,
  rowsOf,
  type Session,
  setStatus,
  someAsset,
  waitsForLock,
} from '../helpers.ts';

/** An hour from now; tests move the ledger instead of waiting. */
const SOON_MS = 3_600_000;
const LATE_MS = 1_000 * SOON_MS;

const sweep = async (session: Session, max_wallets?: number): Promise<number> =>
  Number((await call<{ wallet_expire_due: string }>(session, 'wallet_expire_due', { max_wallets })).wallet_expire_due);

describe('wallet_expire_due', () => {
  const db = createDatabase();
  const grant = (wallet_id: string, amount: number, expires_at: string) =>
    call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
  const hold = (wallet_id: string, amount: number, expires_at?: string) =>
    call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey(), expires_at });
  const kinds = async (wallet_id: string) =>
    (await callAll<{ kind: string }>(db, 'wallet_history', { wallet_id })).map(({ kind }) => kind);

  it('books nothing if nothing has expired', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    await grant(wallet_id, 5, await inMs(db, LATE_MS));
    await hold(wallet_id, 3, await inMs(db, LATE_MS));
    await hold(wallet_id, 3);
    const before = await rowsOf(db);

    expect(await sweep(db)).toBe(0);

    expect(await rowsOf(db)).toEqual(before);
  });

  it('books all expiries of a wallet with one entry, with the system as actor', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 1, bonus: 2 });
    const [early, late] = [await inMs(db, SOON_MS), await inMs(db, SOON_MS + 20)];
    await grant(wallet_id, 10, late);
    await grant(wallet_id, 20, early);
    await grant(wallet_id, 40, early);
    await grant(wallet_id, 80, await inMs(db, LATE_MS));
    await age(db, '61 minutes');

    expect(await sweep(await db.connectJob())).toBe(1);

    expect((await callAll<object>(db, 'wallet_history', { wallet_id })).slice(6)).toMatchObject([
      {
        kind: 'expiry',
        side: 'debit',
        amount: '70',
        bonus_amount: '70',
        held_amount: '0',
        balance: '83',
        bonus_balance: '82',
        counterparty: 'breakage',
        idem_key: null,
        actor: 'db:wallet_test_job',
        metadata: {},
      },
    ]);
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '1' },
      { account: 'promotions', debit: '152' },
      { account: 'revenue', credit: '0' },
      { account: 'breakage', credit: '70' },
      { account: 'players', credit: '83' },
    ]);
    await expectSound(db);
  });

  it('counts as no top-up, bonus or spend', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const expires_at = await inMs(db, SOON_MS);
    await grant(wallet_id, 10, expires_at);
    await age(db, '61 minutes');

    await sweep(db);

    const { rows } = await db.query(
      'select kind, topped_up_total, granted_total, spent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [wallet_id],
    );
    expect(rows).toEqual([{ kind: 'expiry', topped_up_total: '5', granted_total: '10', spent_total: '0' }]);
  });

  it("books to breakage in each wallet's own entry, and none waits for another's", async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(Array.from({ length: 5 }, () => newWallet(db, asset)));
    const expires_at = await inMs(db, SOON_MS);
    for (const wallet_id of wallets) await grant(wallet_id, 10, expires_at);
    await age(db, '61 minutes');

    expect(await sweep(db)).toBe(5);

    const { rows } = await db.query(
      "select debit, credit, amount, balance from ledger.entries where wallet_id = any ($1) and kind = 'expiry'",
      [wallets],
    );
    expect(rows).toEqual(Array(5).fill({ debit: 'player', credit: 'breakage', amount: '10', balance: '0' }));
    await expectSound(db);
  });

  it('settles wallets of several assets at once', async () => {
    const wallets = await Promise.all([1, 2, 3].map(async () => newWallet(db, await newAsset(db), { bought: 1 })));
    const expires_at = await inMs(db, SOON_MS);
    for (const wallet_id of wallets) await grant(wallet_id, 10, expires_at);
    await age(db, '61 minutes');

    expect(await sweep(db)).toBe(3);

    for (const wallet_id of wallets) expect(await kinds(wallet_id)).toEqual(['top_up', 'bonus', 'expiry']);
    await expectSound(db);
  });

  it('releases expired holds, the oldest expiry first, and leaves the others', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const [early, late] = [await inMs(db, SOON_MS), await inMs(db, SOON_MS + 20)];
    const holds = [await hold(wallet_id, 1, late), await hold(wallet_id, 2, early), await hold(wallet_id, 4)];
    await age(db, '61 minutes');

    expect(await sweep(db)).toBe(1);

    const { rows } = await db.query(
      `select t.hold_id, t.idem_key, t.amount, e.held_balance from ledger.entries e join ledger.transfers t on t.id = e.transfer_id
       where e.wallet_id = $1 and e.kind = 'release' order by e.seq`,
      [wallet_id],
    );
    expect(rows).toEqual([
      { hold_id: holds[1]?.hold_id, idem_key: null, amount: '2', held_balance: '5' },
      { hold_id: holds[0]?.hold_id, idem_key: null, amount: '1', held_balance: '4' },
    ]);
    await expectSound(db);
  });

  it('books in a frozen wallet', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, SOON_MS);
    await grant(wallet_id, 5, expires_at);
    await hold(wallet_id, 8, expires_at);
    await setStatus(db, wallet_id, 'frozen');
    await age(db, '61 minutes');

    expect(await sweep(db)).toBe(1);

    expect(await kinds(wallet_id)).toEqual(['top_up', 'bonus', 'hold', 'release', 'expiry']);
    await expectSound(db);
  });

  it('settles at most the requested number of wallets, the oldest expiries first, until it returns 0', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(Array.from({ length: 5 }, () => newWallet(db, asset, { bought: 1 })));
    for (const wallet_id of wallets) {
      await grant(wallet_id, 10, await inMs(db, SOON_MS));
      await hold(wallet_id, 1, await inMs(db, SOON_MS));
    }
    await age(db, '61 minutes');

    const settled: number[] = [];
    const booked: number[] = [];
    for (let count = 1; count > 0;) {
      count = await sweep(db, 2);
      settled.push(count);
      const all = await Promise.all(wallets.map(kinds));
      booked.push(all.findIndex((list) => !list.includes('expiry')));
    }

    expect(settled).toEqual([2, 2, 1, 0]);
    expect(booked).toEqual([2, 4, -1, -1]);
    await expectSound(db);
  });

  it('continues with many expired lots of one wallet, until it returns 0', async () => {
    const asset = await newAsset(db);
    const [one, other] = [await newWallet(db, asset, { bought: 1 }), await newWallet(db, asset, { bought: 1 })];
    const expires_at = await inMs(db, SOON_MS);
    for (let lot = 0; lot < 5; lot += 1) await grant(one, 10, expires_at);
    const last = await inMs(db, SOON_MS);
    await grant(other, 10, last);
    await age(db, '61 minutes');

    const settled: number[] = [];
    do settled.push(await sweep(db, 3));
    while (settled.at(-1) !== 0);

    expect(settled.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect([await kinds(one), await kinds(other)].map((list) => list.filter((kind) => kind === 'expiry'))).toEqual([
      ['expiry'],
      ['expiry'],
    ]);
    await expectSound(db);
  });

  it.each(['0', '-1', '100001', null])('refuses max_wallets %s (WLARG)', async (max_wallets) => {
    expect(await refusal(call(db, 'wallet_expire_due', { max_wallets }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'max_wallets' },
    });
  });

  it.each(['1', '100000'])('accepts max_wallets %s', async (max_wallets) => {
    expect(await call<object>(db, 'wallet_expire_due', { max_wallets })).toEqual({ wallet_expire_due: '0' });
  });

  it.each(['player', 'service', 'operator', 'auditor'] as const)('is not for the role %s (42501)', async (role) => {
    expect(await refusal(call(await db.connectAs(role, 'somebody'), 'wallet_expire_due', {}))).toMatchObject({
      code: '42501',
    });
  });
});

interface Unsettled {
  wallet_id: string;
  sqlstate: string;
  failures: number;
}

/** The wallets in which the system has booked. */
async function bookedIn(db: Session, wallets: string[]): Promise<string[]> {
  const { rows } = await db.query<{ wallet_id: string }>(
    'select distinct wallet_id from ledger.transfers where idem_key is null and wallet_id = any ($1)',
    [wallets],
  );
  return rows.map(({ wallet_id }) => wallet_id).sort();
}

describe('wallet_expire_due with wallets that cannot be settled', () => {
  const db = createDatabase();
  const HOUR_MS = 3_600_000;
  const book = (name: string, args: Record<string, unknown>) => call(db, name, { idem_key: newKey(), ...args });
  const unsettled = (session: Session = db) => callAll<Unsettled>(session, 'ledger_unsettled', {});
  const counted = async (): Promise<Record<string, number>> => {
    const rows = await callAll<{ name: string; value: number }>(db, 'ledger_metrics', {});
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  };
  const booked = (wallets: string[]) => bookedIn(db, wallets);

  /** Wallets with 10 paid credits, an expired bonus of 4 and an expired hold of 3; the first has the oldest expiry. */
  async function due(count: number, asset?: string): Promise<string[]> {
    const wallets: string[] = [];
    for (let place = 0; place < count; place += 1) {
      const wallet_id = await newWallet(db, asset ?? (await someAsset(db)), { bought: 10 });
      const expires_at = await inMs(db, HOUR_MS);
      await book('wallet_hold', { wallet_id, amount: 3, expires_at });
      await book('wallet_bonus', { wallet_id, amount: 4, expires_at });
      wallets.push(wallet_id);
    }
    await age(db, '1 hour', 'later');
    return wallets;
  }

  /** Makes each booking in the wallet fail. */
  async function breakBooking(wallet_id: string, sqlstate: string): Promise<void> {
    await db.query(`create function public.fail() returns trigger language plpgsql as $$
        begin
          raise exception using errcode = '${sqlstate}', message = 'as the test asks';
        end $$;
      create trigger fail before insert on ledger.entries for each row when (new.wallet_id = '${wallet_id}')
        execute function public.fail()`);
  }
  const mendBooking = () => db.query('drop function if exists public.fail() cascade');

  afterEach(async () => {
    await mendBooking();
    // Removes what a test has left.
    await tampering(db, (client) =>
      client.query('truncate ledger_private.open_holds, ledger_private.open_lots, ledger_private.unsettled_wallets'),
    );
  });

  it.each([
    [
      'less in it than has expired',
      'update ledger.entries set balance = 3, bonus_balance = 3, held_balance = 0 where wallet_id = $1',
      '23514',
    ],
    ['no entry', 'delete from ledger.entries where wallet_id = $1', 'XX001'],
    ['no hold in the log', 'delete from ledger.holds where wallet_id = $1', 'XX001'],
    ['no lot in the log', 'delete from ledger.bonus_lots where wallet_id = $1', 'XX001'],
    [
      'fewer bonus credits than have expired',
      'update ledger.entries set bonus_balance = 0 where wallet_id = $1',
      '23514',
    ],
    [
      'nothing that could be due, by its newest entry',
      'update ledger.entries set bonus_balance = 0, held_balance = 0 where wallet_id = $1',
      'XX001',
    ],
  ])('passes one that a superuser has edited, which has %s, and books the others', async (_what, sql, sqlstate) => {
    const wallets = await due(5);
    const [bad = '', ...good] = wallets;
    await tampering(db, (client) => client.query(sql, [bad]));
    const before = await rowsOf(db, bad);

    expect(await sweep(await db.connectJob())).toBe(4);

    expect(await booked(wallets)).toEqual([...good].sort());
    expect(await rowsOf(db, bad)).toEqual(before);
    expect(await unsettled()).toMatchObject([{ wallet_id: bad, sqlstate, failures: 1 }]);
    expect(await counted()).toMatchObject({ unsettled_wallets: 1, oldest_due_seconds: 0 });
    expect(await sweep(db)).toBe(0);
    expect(await unsettled()).toMatchObject([{ failures: 1 }]);
  });

  it.each([1, 2, 1000])('does not let failing wallets at the front delay others, %s at a time', async (max_wallets) => {
    const wallets = await due(9);
    const bad = [0, 1, 2, 5].map((place) => wallets[place] ?? '');
    await tampering(db, (client) => client.query('delete from ledger.holds where wallet_id = any ($1)', [bad]));
    const job = await db.connectJob();

    const settled: number[] = [];
    do settled.push(await sweep(job, max_wallets));
    while (settled.at(-1) !== 0);

    expect(settled.reduce((total, count) => total + count, 0)).toBe(5);
    expect(Math.max(...settled)).toBeLessThanOrEqual(max_wallets);
    expect(await booked(wallets)).toEqual(wallets.filter((id) => !bad.includes(id)).sort());
    expect((await unsettled()).map(({ wallet_id }) => wallet_id).sort()).toEqual([...bad].sort());
  });

  it('skips locked wallets, so that they delay no others either', async () => {
    const [first = '', second = '', third = ''] = await due(3);
    const other = await db.connect();
    await other.query('begin');
    await other.query('select from ledger.wallets where id = any ($1) for no key update', [[first, second]]);

    expect([await sweep(db, 1), await sweep(db, 1)]).toEqual([1, 0]);

    expect(await booked([first, second, third])).toEqual([third]);
    expect(await unsettled()).toEqual([]);
    await other.query('rollback');
    expect([await sweep(db, 1), await sweep(db, 1), await sweep(db, 1)]).toEqual([1, 1, 0]);
  });

  it('tries again after a minute, and twice as long after each further failure, up to an hour', async () => {
    const [bad = ''] = await due(1);
    await breakBooking(bad, '23514');
    const waits: unknown[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      expect(await sweep(db)).toBe(0);
      const { rows } = await db.query<{ wait: string; failures: number }>(
        `select (retry_at - failed_at)::text as wait, failures from ledger.ledger_unsettled() where wallet_id = $1`,
        [bad],
      );
      waits.push(rows[0]?.wait);
      expect(rows[0]?.failures).toBe(attempt + 1);
      expect(await sweep(db)).toBe(0);
      await age(db, rows[0]?.wait ?? '', 'later');
    }

    expect(waits).toEqual([
      '00:01:00',
      '00:02:00',
      '00:04:00',
      '00:08:00',
      '00:16:00',
      '00:32:00',
      '01:00:00',
      '01:00:00',
    ]);
    await mendBooking();
    expect(await sweep(db)).toBe(1);
    expect(await unsettled()).toEqual([]);
    expect(await counted()).toMatchObject({ unsettled_wallets: 0 });
  });

  it('tries again if the clock has been set back since', async () => {
    const [bad = ''] = await due(1);
    await age(db, '3 hours', 'later');
    await breakBooking(bad, '23514');
    expect(await sweep(db)).toBe(0);
    await mendBooking();
    await age(db, '-2 hours', 'later');

    expect(await sweep(db)).toBe(1);

    expect(await unsettled()).toEqual([]);
  });

  it('removes a wallet from the list that a call has settled since, at the next attempt', async () => {
    const [bad = ''] = await due(1);
    await breakBooking(bad, '23514');
    expect(await sweep(db)).toBe(0);
    await mendBooking();
    await book('wallet_spend', { wallet_id: bad, amount: 10 });
    expect(await unsettled()).toHaveLength(1);
    await age(db, '1 minute', 'later');

    expect(await sweep(db)).toBe(0);

    expect(await unsettled()).toEqual([]);
  });

  it.each(['23505', '23514', '22003', 'P0002', 'XX000', 'XX001', 'WLFND'])(
    'treats %s as an error of the wallet',
    async (sqlstate) => {
      const wallets = await due(3);
      await breakBooking(wallets[1] ?? '', sqlstate);

      expect(await sweep(db)).toBe(2);

      expect(await unsettled()).toMatchObject([{ wallet_id: wallets[1], sqlstate }]);
    },
  );

  it.each(['40001', '40P01', '55P03', '57014', '57P01', '53100', '53200', '42501', '25006', '08006', '58030'])(
    'treats %s as no error of a wallet: raises it and books nothing',
    async (sqlstate) => {
      const wallets = await due(3);
      await breakBooking(wallets[1] ?? '', sqlstate);

      expect(await refusal(sweep(db))).toMatchObject({ code: sqlstate });

      expect(await booked(wallets)).toEqual([]);
      expect(await unsettled()).toEqual([]);
      await mendBooking();
      expect(await sweep(db)).toBe(3);
    },
  );

  it('fails if it is cancelled, or waits too long for a table, and books nothing (57014, 55P03)', async () => {
    const wallets = await due(2);
    const [other, session] = [await db.connect(), await db.connect()];
    await other.query('begin');
    await other.query('lock table ledger.entries in share mode');

    const cancelled = refusal(sweep(session));
    await waitsForLock(db, session);
    await db.query('select pg_cancel_backend($1)', [(session as unknown as { processID: number }).processID]);
    expect(await cancelled).toMatchObject({ code: '57014' });
    await session.query("set lock_timeout = '10ms'");
    expect(await refusal(sweep(session))).toMatchObject({ code: '55P03' });

    expect(await booked(wallets)).toEqual([]);
    expect(await unsettled()).toEqual([]);
    await other.query('rollback');
  });

  it('fails if another transaction has booked since its snapshot (40001)', async () => {
    const [wallet_id = ''] = await due(1);
    const session = await db.connect();
    await session.query('begin isolation level repeatable read');
    await session.query('select from ledger.assets');
    await book('wallet_top_up', { wallet_id, amount: 1 });

    expect(await refusal(sweep(session))).toMatchObject({ code: '40001' });

    await session.query('rollback');
    expect(await unsettled()).toEqual([]);
  });

  it('finds each of many expiries, also with concurrent sweeps', async () => {
    const asset = await newAsset(db);
    const wallets = await due(60, asset);
    const bad = wallets.filter((_id, place) => place % 3 === 0);
    await tampering(db, (client) => client.query('delete from ledger.holds where wallet_id = any ($1)', [bad]));
    const pool = db.jobPool(4);

    const settled = await Promise.all(
      Array.from({ length: 4 }, async () => {
        let total = 0;
        for (let count = 1; count > 0; total += count) count = await sweep(pool, 7);
        return total;
      }),
    );

    expect(settled.reduce((total, count) => total + count, 0)).toBe(40);
    expect(await booked(wallets)).toEqual(wallets.filter((id) => !bad.includes(id)).sort());
    expect((await unsettled()).map(({ wallet_id }) => wallet_id).sort()).toEqual([...bad].sort());
  });
});

describe("wallet_expire_due of valid lots whose sum exceeds an amount's maximum", () => {
  const db = createDatabase();

  it('books all of it', async () => {
    const asset = await newAsset(db);
    const expires_at = await inMs(db, 3_600_000);
    const rich = await Promise.all(Array.from({ length: 10 }, () => newWallet(db, asset)));
    const grant = (wallet_id: string) => ({
      ...{ kind: 'bonus', wallet_id, amount: '1000000000000000' },
      ...{ idem_key: newKey(), expires_at },
    });
    await postBatch(
      db,
      rich.flatMap((wallet_id) => Array.from({ length: 1000 }, () => grant(wallet_id))),
    );
    const other = await newWallet(db, await newAsset(db), { bought: 1 });
    await call(db, 'wallet_bonus', { wallet_id: other, amount: 4, idem_key: newKey(), expires_at });
    await age(db, '1 hour', 'later');

    let settled = 0;
    for (let count = 1; count > 0; settled += count) count = await sweep(db);
    expect(settled).toBe(11);

    expect(await callAll<Unsettled>(db, 'ledger_unsettled', {})).toEqual([]);
    const wallets = [...rich, other];
    expect(await bookedIn(db, wallets)).toEqual([...wallets].sort());
    for (const wallet_id of rich)
      expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '0', available: '0' });
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury' },
      { account: 'promotions', debit: '10000000000000000000' },
      { account: 'revenue' },
      { account: 'breakage', credit: '10000000000000000000' },
      { account: 'players', credit: '0' },
    ]);
    expect(await sweep(db)).toBe(0);
    await rehash(db);
    await expectSound(db);
  });
});

describe('wallet_expire_due among 11,000 closed lots and holds', () => {
  const db = createDatabase();
  const WALLETS = 500;

  it('finds nothing from a few pages, and still finds new expiries', async () => {
    const asset = await newAsset(db);
    const { rows: wallets } = await db.query<{ id: string }>(
      `select w.id from generate_series(1, $2::int) n, ledger.wallet_open('closed-' || n, $1) w,
         ledger.wallet_top_up(w.id, 10, 'top-up')`,
      [asset, WALLETS],
    );
    const ids = wallets.map(({ id }) => id);
    await db.query(
      `select count(r.seq) from unnest($1::uuid[]) id, generate_series(1, 2) n,
         ledger.wallet_hold(id, n, 'hold ' || n, clock_timestamp() + interval '1 hour') r`,
      [ids],
    );
    const granting = async (first: number): Promise<void> => {
      const expires_at = await inMs(db, SOON_MS);
      await db.query(
        `select count(*) from ledger.wallet_post_batch(array(
           select ledger.request('bonus', id, null, 10, 'bonus ' || n, $2, '{}')
           from unnest($1::uuid[]) id, generate_series($3::int, $3::int + 9) n))`,
        [ids, expires_at, first],
      );
    };
    await granting(1);
    await granting(11);
    await age(db, '61 minutes', 'later');
    while ((await sweep(db)) > 0);
    const { rows: lists } = await db.query(
      `select (select count(*)::int from ledger.bonus_lots) as lots, (select count(*)::int from ledger.holds) as holds,
         (select count(*)::int from ledger_private.open_lots) as open_lots, (select count(*)::int from ledger_private.open_holds) as open_holds`,
    );
    expect(lists).toEqual([{ lots: 10_000, holds: 1_000, open_lots: 0, open_holds: 0 }]);

    // Removed rows stay in the tables until a vacuum, which autovacuum would do at any time.
    await db.query('vacuum ledger_private.open_lots, ledger_private.open_holds');
    interface Plan {
      'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number } }];
    }
    const plans: Plan['QUERY PLAN'][0][] = [];
    const session = await db.connectJob();
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const { rows } = await session.query<Plan>(
        'explain (analyze, buffers, timing off, format json) select ledger.wallet_expire_due()',
      );
      if (rows[0]) plans.push(rows[0]['QUERY PLAN'][0]);
    }

    expect(
      Math.min(...plans.map(({ Plan: plan }) => plan['Shared Hit Blocks'] + plan['Shared Read Blocks'])),
    ).toBeLessThan(100);
    const due = await inMs(db, SOON_MS);
    const wallet_id = ids[77];
    await call(db, 'wallet_bonus', { wallet_id, amount: 3, idem_key: newKey(), expires_at: due });
    await age(db, '61 minutes', 'later');
    expect(await sweep(session)).toBe(1);
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '10', held_balance: '0' });
  });
});
