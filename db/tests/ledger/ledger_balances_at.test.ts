import { age, tampering } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type GatewayRole,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type Session,
} from '../helpers.ts';
import { type BalanceAt, bookSome, expectBalances, randomInstants, someWallets } from '../reports.ts';
import { seal, sealAll } from '../seals.ts';

const db = createDatabase();
const FINAL_MS = 60_000;

const balancesAt = (at_times: unknown, asset_code?: string | null, session: Session = db) =>
  callAll<BalanceAt>(session, 'ledger_balances_at', { at_times, asset_code });
const now = async (): Promise<string> =>
  (await db.query<{ now: string }>('select clock_timestamp()::text as now')).rows[0]?.now ?? '';
const figures = (rows: BalanceAt[]) =>
  rows.map(({ account, side, balance, bonus_balance }) => [account, side, balance, bonus_balance]);

describe('ledger_balances_at', () => {
  it('has the balance of each account at an instant, its side, and its bonus part', async () => {
    const asset = await newAsset(db);
    const before = await now();
    const wallet = await newWallet(db, asset, { bought: 100, bonus: 10 });
    const between = await now();
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 30, idem_key: newKey() });

    const rows = await balancesAt([await now(), before, between], asset);

    expect(new Set(rows.map(({ at_time }) => at_time)).size).toBe(3);
    expect(figures(rows.slice(0, 5))).toEqual([
      ['treasury', 'debit', '0', '0'],
      ['promotions', 'debit', '0', '0'],
      ['revenue', 'credit', '0', '0'],
      ['breakage', 'credit', '0', '0'],
      ['players', 'credit', '0', '0'],
    ]);
    expect(figures(rows.slice(5, 10))).toEqual([
      ['treasury', 'debit', '100', '0'],
      ['promotions', 'debit', '10', '10'],
      ['revenue', 'credit', '0', '0'],
      ['breakage', 'credit', '0', '0'],
      ['players', 'credit', '110', '10'],
    ]);
    expect(figures(rows.slice(10))).toEqual([
      ['treasury', 'debit', '100', '0'],
      ['promotions', 'debit', '10', '10'],
      ['revenue', 'credit', '30', '10'],
      ['breakage', 'credit', '0', '0'],
      ['players', 'credit', '80', '0'],
    ]);
  });

  it('counts what was booked before the instant, and not at it, to the microsecond', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset);
    const { created_at } = await call(db, 'wallet_top_up', { wallet_id, amount: 7, idem_key: newKey() });
    const { rows } = await db.query<{ then: string }>("select ($1::timestamptz + interval '1 us')::text as then", [
      created_at,
    ]);
    const owed = async () =>
      (await balancesAt([created_at, rows[0]?.then], asset))
        .filter(({ account }) => account === 'players')
        .map(({ balance }) => balance);

    expect(await owed()).toEqual(['0', '7']);
    await sealAll(db);
    expect(await owed()).toEqual(['0', '7']);
  });

  it('has all assets if none is named, each instant once, and any instant', async () => {
    const [one, two] = [await newAsset(db), await newAsset(db)];
    await newWallet(db, one, { bought: 3 });
    const instant = '2001-01-01T00:00:00Z';

    const rows = await balancesAt([instant, '2001-01-01T01:00:00+01:00', instant]);

    expect(rows.map(({ asset_code }) => asset_code)).toEqual(expect.arrayContaining([one, two]));
    expect(rows.filter(({ asset_code }) => asset_code === one)).toHaveLength(5);
    expect(await balancesAt([instant], null)).toEqual(rows);
    const far = await balancesAt(['infinity', '-infinity', '4714-11-24 00:00:00Z BC', '294276-12-31 00:00:00Z'], one);
    expect(far.filter(({ account }) => account === 'players').map(({ balance }) => balance)).toEqual([
      ...['0', '0', '3', '3'],
    ]);
  });

  it.each([0, 1, 2])(
    'equals the sum over the wallets at random instants under load, while %s seal',
    async (sealers) => {
      const asset = await newAsset(db);
      const pool = db.jobPool(6);
      const reader = await db.connect();
      const wallets = await someWallets(db, asset, 4);
      const slow = await db.connect();
      await slow.query('begin');
      const late = await newWallet(db, asset);
      await call(slow, 'wallet_top_up', { wallet_id: late, amount: 5, idem_key: newKey() });
      let posting = 4;
      let looks = 0;
      const post = async (place: number) => {
        // Continues until the reader has looked several times.
        for (let turn = place; turn < 12 || looks < 4; turn += 1) await bookSome(pool, db, wallets, turn);
      };
      const close = async () => {
        while (posting > 0) await seal(pool);
      };
      const look = async () => {
        for (; posting > 0; looks += 1) await expectBalances(reader, asset, await randomInstants(db, asset, 20));
      };
      await Promise.all([
        look().catch((error: unknown) => {
          looks = 4;
          throw error;
        }),
        ...Array.from({ length: sealers }, close),
        ...[0, 1, 2, 3].map((place) =>
          post(place).finally(() => {
            posting -= 1;
          }),
        ),
      ]);

      await expectBalances(reader, asset, await randomInstants(db, asset, 50));
      await slow.query('commit');
      await expectBalances(reader, asset, await randomInstants(db, asset, 50));
      await sealAll(db);
      await expectBalances(reader, asset, await randomInstants(db, asset, 200));
      await expectSound(db);
    },
  );

  it('has the uncommitted bookings of its own transaction, as provisional', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 1 });
    const session = await db.connect();
    await session.query('begin');
    await call(session, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey() });

    const treasury = (await balancesAt(['infinity'], asset, session))[0];

    expect(treasury).toMatchObject({ account: 'treasury', balance: '6', final: false });
    await session.query('rollback');
    expect((await balancesAt(['infinity'], asset))[0]).toMatchObject({ balance: '1' });
  });

  it('is for operators and auditors, and for no other role of the gateway (42501)', async () => {
    const asset = await newAsset(db);
    await newWallet(db, asset, { bought: 3 });
    await sealAll(db);
    await newWallet(db, asset, { bought: 4 });
    const { rows } = await db.query<{ at: string }>(
      `select (max(e.created_at) + interval '1 us')::text as at
       from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where w.asset_code = $1`,
      [asset],
    );
    const instants = [rows[0]?.at];

    for (const role of ['operator', 'auditor'] as GatewayRole[])
      expect((await balancesAt(instants, asset, await db.connectAs(role, 'x')))[0]).toMatchObject({ balance: '7' });
    for (const role of ['player', 'service'] as GatewayRole[])
      expect(await refusal(balancesAt(instants, asset, await db.connectAs(role, 'x')))).toMatchObject({
        code: '42501',
      });
    expect(await refusal(balancesAt(instants, asset, await db.connectJob()))).toMatchObject({ code: '42501' });
  });

  it.each([
    ['no instants', null],
    ['an empty list', []],
    ['an instant that is null', ['2026-01-01Z', null]],
    ['more than 1000', Array.from({ length: 1001 }, (_, n) => new Date(n).toISOString())],
    ['more than 1000 that are the same', Array.from({ length: 1001 }, () => '2026-01-01Z')],
  ])('refuses %s with WLARG', async (_what, at_times) => {
    expect(await refusal(balancesAt(at_times, 'no-such-asset'))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'at_times' },
    });
  });

  it('accepts 1000 instants', async () => {
    const asset = await newAsset(db);
    await newWallet(db, asset, { bought: 3 });
    const instants = Array.from({ length: 1000 }, (_, n) => new Date(Date.now() + (n - 500) * 1000).toISOString());

    expect(await balancesAt(instants, asset)).toHaveLength(5000);
  });

  it('refuses an unknown asset (WLNOA)', async () => {
    expect(await refusal(balancesAt(['2026-01-01Z'], 'no-such-asset'))).toMatchObject({
      code: 'WLNOA',
      detail: { asset_code: 'no-such-asset' },
    });
  });
});

describe('balances over hours', () => {
  const own = createDatabase();

  it('equal the sum over the wallets at random instants, whatever blocks these are in', async () => {
    const asset = await newAsset(own);
    const reader = await own.connect();
    const wallets = await someWallets(own, asset, 3);
    const slow = await own.connect();
    for (let turn = 0; turn < 24; turn += 1) {
      await bookSome(own, own, wallets, turn);
      // Blocks of minutes, of more than an hour, and some whose end a long transaction delays.
      if (turn % 3 > 0) await sealAll(own);
      await age(own, turn % 5 === 0 ? '37 minutes 11 seconds' : '4 minutes 1 second');
      if (turn % 6 === 0) await expectBalances(reader, asset, await randomInstants(own, asset, 40));
    }
    await slow.query('begin; select pg_current_xact_id()');
    for (let turn = 24; turn < 30; turn += 1) {
      await bookSome(own, own, wallets, turn);
      await sealAll(own);
    }
    await expectBalances(reader, asset, await randomInstants(own, asset, 200));
    await slow.query('rollback');
    await sealAll(own);
    await expectBalances(reader, asset, await randomInstants(own, asset, 200));
    await expectSound(own);
  });
});

describe('a final figure', () => {
  const own = createDatabase();
  const at = (instants: string[], asset: string) => balancesAt(instants, asset, own);

  it('is final once no open transaction can book before, and never changes afterwards', async () => {
    const asset = await newAsset(own);
    const wallets = await someWallets(own, asset, 2);
    const slow = await own.connect();
    await slow.query('begin');
    const late = await newWallet(own, asset);
    await call(slow, 'wallet_top_up', { wallet_id: late, amount: 5, idem_key: newKey() });
    const instant = await now();
    const finals = async () => new Set((await at([instant], asset)).map(({ final }) => final));
    const close = async () => {
      await bookSome(own, own, wallets, 1);
      await seal(own);
    };

    expect(await finals()).toEqual(new Set([false]));
    for (let block = 0; block < 3; block += 1) await close();
    expect(await finals()).toEqual(new Set([false]));
    await slow.query('commit');
    // Transactions of other databases of the server count too, for an unknown time.
    for (const deadline = Date.now() + FINAL_MS; (await finals()).has(false);) {
      if (Date.now() > deadline) throw new Error('it does not become final');
      await close();
    }
    const then = await at([instant], asset);
    expect(then[0]?.final).toBe(true);
    expect(then.find(({ account }) => account === 'players')?.balance).toBe('2105');
    for (let block = 0; block < 3; block += 1) await close();
    expect(await at([instant], asset)).toEqual(then);
  });

  it('stays unchanged after a clock was set back: later bookings count in the first period that is not final', async () => {
    const asset = await newAsset(own);
    const wallet_id = await newWallet(own, asset, { bought: 1 });
    await sealAll(own);
    // Simulates a clock that was two hours ahead when the last block was closed.
    await tampering(own, (client) =>
      client.query(
        `update ledger.blocks set final_until = date_trunc('hour', clock_timestamp() + interval '2 hours', 'UTC')
         where seq = (select max(seq) from ledger.blocks)`,
      ),
    );
    const { rows } = await own.query<{ final: string; after: string; soon: string }>(
      `select b.final_until::text as final, (b.final_until + interval '1 us')::text as after, (clock_timestamp() + interval '1 hour')::text as soon
       from ledger.blocks b order by b.seq desc limit 1`,
    );
    const { final = '', after = '', soon = '' } = rows[0] ?? {};
    const before = await at([soon, final], asset);
    expect(new Set(before.map((row) => row.final))).toEqual(new Set([true]));
    await call(own, 'wallet_top_up', { wallet_id, amount: 4, idem_key: newKey() });

    for (const close of [() => Promise.resolve([]), () => sealAll(own)]) {
      await close();
      expect(await at([soon, final], asset)).toEqual(before);
      // Also if they are requested together with one that is not final.
      const all = await at([soon, final, after], asset);
      expect(all.slice(0, before.length)).toEqual(before);
      expect(all.slice(before.length).find(({ account }) => account === 'players')?.balance).toBe('5');
    }
  });
});
