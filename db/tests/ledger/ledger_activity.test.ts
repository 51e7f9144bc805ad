import { age, tampering } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type GatewayRole,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  postBatch,
  refusal,
  REHASH,
  type Session,
} from '../helpers.ts';
import { type Activity, bookSome, expectActivity, expectBalances, randomInstants, someWallets } from '../reports.ts';
import { sealAll } from '../seals.ts';

const db = createDatabase();

interface Asked {
  asset_code?: unknown;
  from_time?: unknown;
  to_time?: unknown;
  bucket?: unknown;
  time_zone?: unknown;
}

const activity = (asked: Asked, session: Session = db) => callAll<Activity>(session, 'ledger_activity', { ...asked });
/** A period that includes all bookings of a test. */
const around = () => ({
  from_time: new Date(Date.now() - 30 * 86_400_000).toISOString(),
  to_time: new Date(Date.now() + 30 * 86_400_000).toISOString(),
});

describe('ledger_activity', () => {
  it('has what was sold, granted, spent, expired and reversed, with the bonus parts', async () => {
    const asset_code = await newAsset(db);
    const wallet_id = await newWallet(db, asset_code, { bought: 100, bonus: 10 });
    const friend = await newWallet(db, asset_code, { bought: 7 });
    const key = () => ({ idem_key: newKey() });
    const { transfer_id } = await call(db, 'wallet_spend', { wallet_id, amount: 30, ...key() });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id, amount: 25, ...key() });
    const { transfer_id: bought } = await call(db, 'wallet_top_up', { wallet_id, amount: 9, ...key() });
    await call(db, 'wallet_reverse', { wallet_id, transfer_id: bought, ...key() });
    await call(db, 'wallet_transfer', { from_wallet: wallet_id, to_wallet: friend, amount: 6, ...key() });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 4, ...key() });
    await call(db, 'wallet_capture', { wallet_id, hold_id, amount: 3, ...key() });
    await call(db, 'wallet_bonus', {
      ...{ wallet_id, amount: 8, ...key() },
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await age(db, '2 hours');
    await call(db, 'wallet_expire_due', {});

    for (const close of [() => Promise.resolve([]), () => sealAll(db)]) {
      await close();
      const rows = await activity({ asset_code, ...around(), bucket: 'month' });
      const sums: Record<string, number[]> = {};
      for (const { kind, debit, credit, movements, amount, bonus_amount } of rows) {
        const so = sums[`${kind} ${debit} ${credit}`] ?? [0, 0, 0];
        sums[`${kind} ${debit} ${credit}`] = [movements, amount, bonus_amount].map(
          (value, place) => Number(value) + (so[place] ?? 0),
        );
      }
      expect(sums).toEqual({
        'top_up treasury players': [3, 116, 0],
        'bonus promotions players': [2, 18, 18],
        'spend players revenue': [1, 30, 10],
        'reversal revenue players': [1, 25, 5],
        'reversal players treasury': [1, 9, 0],
        'transfer players players': [1, 6, 5],
        'capture players revenue': [1, 3, 0],
        'expiry players breakage': [1, 8, 8],
      });
    }
  });

  it('has openings, adjustments and exchanges by their accounts in each asset, and adds up with balances and journal', async () => {
    const [gold, gems] = [await newAsset(db), await newAsset(db)];
    const owner = newOwner();
    const from_wallet = await newWallet(db, gold, { owner });
    const to_wallet = await newWallet(db, gems, { owner });
    const key = () => ({ idem_key: newKey() });
    await call(db, 'wallet_opening', { wallet_id: from_wallet, amount: 100, bonus_amount: 30, ...key() });
    const corrected = { wallet_id: from_wallet, reason: 'counted again', ...key() };
    await call(db, 'wallet_adjust', { ...corrected, side: 'credit', amount: 9 });
    await call(db, 'wallet_adjust', { ...corrected, ...key(), side: 'debit', amount: 5 });
    const exchange = { from_wallet, to_wallet, amount: 40, to_amount: 8 };
    const { transfer_id } = await call(db, 'wallet_exchange', { ...exchange, ...key() });
    await call(db, 'wallet_exchange', { ...exchange, amount: 10, to_amount: 2, ...key() });
    await call(db, 'wallet_reverse', { wallet_id: from_wallet, transfer_id, ...key() });
    const told = async (asset_code: string) =>
      (await activity({ asset_code, ...around(), bucket: 'month' })).map(
        ({ kind, debit, credit, movements, amount }) => `${kind} ${debit} ${credit} ${movements} ${amount}`,
      );

    for (const close of [() => Promise.resolve([]), () => sealAll(db)]) {
      await close();
      expect((await told(gold)).sort()).toEqual([
        'adjustment adjustments players 1 9',
        'adjustment players adjustments 1 5',
        'exchange players exchange 2 50',
        'opening opening players 1 100',
        'reversal exchange players 1 40',
      ]);
      expect((await told(gems)).sort()).toEqual(['exchange exchange players 2 10', 'reversal players exchange 1 8']);
      for (const asset of [gold, gems]) {
        await expectBalances(await db.connect(), asset, ['infinity']);
        await expectActivity(await db.connect(), asset);
      }
      const { rows } = await db.query<{ line: string }>(
        `select j.account || ' ' || case j.wallet_id when $2 then 'from' when $3 then 'to' else coalesce(j.wallet_id::text, 'no wallet') end as line
         from unnest($1::text[]) a cross join lateral ledger.ledger_journal(a) j where j.kind = 'exchange' group by 1 order by 1`,
        [[gold, gems], from_wallet, to_wallet],
      );
      expect(rows.map(({ line }) => line)).toEqual(['exchange no wallet', 'players from', 'players to']);
    }
  });

  it('has no row for a bucket without movements, nor for movements before or after', async () => {
    const asset_code = await newAsset(db);
    await newWallet(db, asset_code, { bought: 1 });

    expect(await activity({ asset_code, from_time: '2001-01-01Z', to_time: '2001-01-31Z' })).toEqual([]);
    expect(await activity({ asset_code, from_time: '2101-01-01Z', to_time: '2101-01-31Z' })).toEqual([]);
  });

  it('adds up: opening balances + activity = closing balances, at random instants', async () => {
    const own = await db.connect();
    const asset = await newAsset(db);
    const wallets = await someWallets(db, asset, 3);
    for (let turn = 0; turn < 12; turn += 1) {
      await bookSome(db, db, wallets, turn);
      if (turn % 3 > 0) await sealAll(db);
      await age(db, '23 minutes 11 seconds');
    }
    const instants = await randomInstants(db, asset, 40);
    const SUMS = `with lines as (
        select x.account, x.sign * a.amount as amount, x.sign * a.bonus_amount as bonus
          from ledger.ledger_activity($1, $2, $3, $4, $5) a, lateral (values (a.debit, 1), (a.credit, -1)) x (account, sign)
        union all
        select b.account, case b.side when 'debit' then x.sign else -x.sign end * b.balance,
          case b.side when 'debit' then x.sign else -x.sign end * b.bonus_balance
          from (values ($2::timestamptz, 1), ($3, -1)) x (at, sign), ledger.ledger_balances_at(array[x.at], $1) b
      ) select account from lines group by account having sum(amount) <> 0 or sum(bonus) <> 0`;
    for (let n = 0; n + 1 < instants.length; n += 2) {
      const [from, to] = [instants[n] ?? '', instants[n + 1] ?? ''].sort();
      for (const [bucket, zone] of [
        ['hour', 'Asia/Kathmandu'],
        ['day', 'Europe/Berlin'],
        ['month', 'UTC'],
      ])
        expect((await own.query(SUMS, [asset, from, to, bucket, zone])).rows).toEqual([]);
    }
  });

  it('is for operators and auditors, and for no other role of the gateway (42501)', async () => {
    const asset_code = await newAsset(db);
    await newWallet(db, asset_code, { bought: 3 });
    const ask = async (role: GatewayRole) => activity({ asset_code, ...around() }, await db.connectAs(role, 'x'));

    for (const role of ['operator', 'auditor'] as const) expect(await ask(role)).toMatchObject([{ amount: '3' }]);
    for (const role of ['player', 'service'] as const)
      expect(await refusal(ask(role))).toMatchObject({ code: '42501' });
  });

  const good = { asset_code: 'no-such-asset', from_time: '2026-01-01Z', to_time: '2026-02-01Z' };
  it.each([
    ['no beginning', 'from_time', { ...good, from_time: null, to_time: null }],
    ['a beginning before all times', 'from_time', { ...good, from_time: '-infinity' }],
    ['no end', 'to_time', { ...good, to_time: null, bucket: 'week' }],
    ['an end after all times', 'to_time', { ...good, to_time: 'infinity' }],
    ['an end that is the beginning', 'to_time', { ...good, to_time: good.from_time }],
    ['an end before the beginning', 'to_time', { ...good, to_time: '2025-01-01Z' }],
    ['another bucket', 'bucket', { ...good, bucket: 'week', time_zone: 'nowhere' }],
    ['no bucket', 'bucket', { ...good, bucket: null }],
    ['more than 1000 hours', 'to_time', { ...good, to_time: '2026-02-11T16:00:00.000001Z', bucket: 'hour' }],
    ['more than 1000 days', 'to_time', { ...good, to_time: '2028-09-27T00:00:00.000001Z' }],
    ['more than 1000 months', 'to_time', { ...good, to_time: '2226-02-01Z', bucket: 'month' }],
    ...['nowhere', 'Europe/Nowhere', 'Europe/Berlin1', 'CET', 'EST5EDT', '+02:00', '', 'x'.repeat(5000), null].map(
      (time_zone): [string, string, Asked] => [
        `the time zone ${String(time_zone).slice(0, 20)}`,
        'time_zone',
        { ...good, asset_code: null, time_zone },
      ],
    ),
    ['no asset', 'asset_code', { ...good, asset_code: null }],
  ] as [string, string, Asked][])('refuses %s with WLARG', async (_what, argument, asked) => {
    expect(await refusal(activity(asked))).toMatchObject({ code: 'WLARG', detail: { argument } });
  });

  it('refuses an unknown asset (WLNOA), after all other checks', async () => {
    expect(await refusal(activity(good))).toMatchObject({ code: 'WLNOA' });
  });
});

/** Time zones with unusual changes of their clocks, and when these happen. */
const ZONES: [zone: string, what: string, at: string, stepMinutes: number][] = [
  ['UTC', 'nothing changes', '2026-03-01T00:00:00Z', 45],
  ['Europe/Berlin', 'a day has 23 hours', '2026-03-29T01:00:00Z', 45],
  ['Europe/Berlin', 'a day has 25 hours, and one hour comes twice', '2026-10-25T01:00:00Z', 45],
  ['America/New_York', 'an hour comes twice', '2025-11-02T06:00:00Z', 45],
  ['America/Havana', 'midnight comes twice', '2025-11-02T05:00:00Z', 45],
  ['Africa/Cairo', 'midnight is skipped', '2026-04-23T22:00:00Z', 45],
  ['Australia/Lord_Howe', 'half an hour comes twice', '2026-04-04T15:00:00Z', 30],
  ['Australia/Lord_Howe', 'half an hour is skipped', '2026-10-03T15:30:00Z', 30],
  ['Asia/Kathmandu', 'a day begins at a quarter', '2026-04-01T18:15:00Z', 15],
  ['Asia/Kolkata', 'a day begins at half past', '2026-04-01T18:30:00Z', 30],
  ['Pacific/Apia', 'a day is skipped', '2011-12-30T10:00:00Z', 45],
  ['Africa/Monrovia', 'a day begins at no quarter of an hour', '1971-05-01T00:44:30Z', 7],
  ['Etc/GMT+9', 'nothing changes', '2026-04-30T09:00:00Z', 45],
];
const STEPS = 160;

describe('buckets of a time zone', () => {
  const own = createDatabase();
  const assets = new Map<string, string>();
  const nameOf = (zone: string, at: string) => `${zone} ${at}`;
  /** Books movements every few minutes around each change, one at the change and one a microsecond before. */
  beforeAll(async () => {
    for (const [zone, , at, stepMinutes] of ZONES) {
      const asset = await newAsset(own);
      assets.set(nameOf(zone, at), asset);
      const wallet_id = await newWallet(own, asset);
      await postBatch(
        own,
        Array.from({ length: STEPS }, (_, n) => ({ kind: 'top_up', wallet_id, amount: n + 1, idem_key: newKey() })),
      );
      await tampering(own, (client) =>
        client.query(
          `update ledger.entries set created_at = $2::timestamptz + (seq / 2 - $3::int) * $4 * interval '1 minute' - (1 - seq % 2) * interval '1 us'
           where wallet_id = $1`,
          [wallet_id, at, STEPS / 4, stepMinutes],
        ),
      );
    }
    await tampering(own, (client) => client.query(REHASH));
  });

  describe.each(['before a block closes them', 'after that'])('%s', (when) => {
    beforeAll(async () => {
      if (when === 'after that') expect(await sealAll(own)).not.toEqual([]);
    });

    it.each(ZONES)('are those of clocks in %s, where %s (%s)', async (zone, _what, at) => {
      const asset = assets.get(nameOf(zone, at)) ?? '';
      for (const bucket of ['hour', 'day', 'month'])
        for (const slack of ['0', '3 hours 20 minutes']) {
          const { rows } = await own.query(
            `with entries as (
               select e.created_at, e.amount from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where w.asset_code = $1
             ), period as (
               select min(created_at) + $4::interval as first, max(created_at) + interval '1 us' - $4::interval as last from entries
             ), found as (
               select a.* from period p, ledger.ledger_activity($1, p.first, p.last, $2, $3) a
             ), expected as (
               -- Each movement is in the one bucket whose instants have it, and clocks show the same hour, day or month at both.
               select f.from_time, count(*) as movements, sum(e.amount) as amount,
                 bool_and(date_trunc($2, e.created_at at time zone $3) = date_trunc($2, f.from_time at time zone $3)) as shown
               from entries e join period p on e.created_at >= p.first and e.created_at < p.last
               left join found f on e.created_at >= f.from_time and e.created_at < f.to_time
               group by f.from_time
             )
             select coalesce(f.from_time, x.from_time) as from_time, f.movements, x.movements as expected, x.shown
             from found f full join expected x on x.from_time = f.from_time
             where (f.movements, f.amount, true) is distinct from (x.movements, x.amount, x.shown)
             union all
             -- And no two of a zone's days or months are the same.
             select min(f.from_time), count(*), 1, null from found f where $2 <> 'hour'
             group by date_trunc($2, f.from_time at time zone $3) having count(*) > 1`,
            [asset, bucket, zone, slack],
          );
          expect([bucket, slack, rows]).toEqual([bucket, slack, []]);
        }
    });

    it('have 23 and 25 hours if clocks change, and a repeated hour is two', async () => {
      const hours = async (zone: string, at: string, from: string, to: string, bucket: string) =>
        (
          await own.query<{ hours: string }>(
            `select extract(epoch from to_time - from_time)::int / 60 as minutes, count(*)::int from ledger.ledger_activity($1, $2, $3, $4, $5)
             group by 1 order by 1`,
            [assets.get(nameOf(zone, at)), from, to, bucket, zone],
          )
        ).rows;

      expect(
        await hours('Europe/Berlin', '2026-03-29T01:00:00Z', '2026-03-28T23:00Z', '2026-03-29T22:00Z', 'day'),
      ).toEqual([{ minutes: 23 * 60, count: 1 }]);
      expect(
        await hours('Europe/Berlin', '2026-10-25T01:00:00Z', '2026-10-24T22:00Z', '2026-10-25T23:00Z', 'day'),
      ).toEqual([{ minutes: 25 * 60, count: 1 }]);
      expect(
        await hours('America/New_York', '2025-11-02T06:00:00Z', '2025-11-02T04:00Z', '2025-11-03T05:00Z', 'hour'),
      ).toEqual([{ minutes: 60, count: 25 }]);
      expect(
        await hours('America/Havana', '2025-11-02T05:00:00Z', '2025-11-01T04:00Z', '2025-11-03T05:00Z', 'day'),
      ).toEqual([
        { minutes: 24 * 60, count: 1 },
        { minutes: 25 * 60, count: 1 },
      ]);
    });
  });

  it('leave a sound ledger', async () => {
    await expectSound(own);
  });
});
