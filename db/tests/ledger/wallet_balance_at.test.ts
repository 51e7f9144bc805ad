import { age, ageTo, bookSoon } from '../aged.ts';
import {
  call,
  createDatabase,
  expectSound,
  inMs,
  newKey,
  newOwner,
  newWallet,
  passed,
  type Receipt,
  refusal,
  type Session,
  someAsset,
  UNKNOWN_WALLET,
  writing,
} from '../helpers.ts';

interface Balance {
  balance: string;
  bonus_balance: string;
  held_balance: string;
  available: string;
  seq: string;
  as_of: string;
}

const db = createDatabase();
const at = (wallet_id: string | null, at_time: string | null, session: Session = db) =>
  call<Balance>(session, 'wallet_balance_at', { wallet_id, at_time });
const NOTHING = { balance: '0', bonus_balance: '0', held_balance: '0', available: '0', seq: '0' };

/** An instant moved by some microseconds. */
async function shifted(instant: string, microseconds: number): Promise<string> {
  const { rows } = await db.query<{ shifted: string }>(
    "select ($1::timestamptz + $2 * interval '1 microsecond')::text as shifted",
    [instant, microseconds],
  );
  return rows[0]?.shifted ?? '';
}

/** The receipts' instants, which differ by more than a microsecond. */
function instants(receipts: Receipt[]): string[] {
  const times = receipts.map(({ created_at }) => created_at);
  expect(new Set(times).size).toBe(times.length);
  return times;
}

async function createdAt(wallet: string): Promise<string> {
  const { rows } = await db.query<{ created_at: string }>('select created_at from ledger.wallets where id = $1', [
    wallet,
  ]);
  return rows[0]?.created_at ?? '';
}

describe('wallet_balance_at', () => {
  it("is exact at each entry's instant, and a microsecond before and after it", async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const of = (name: string, args: object) => call(db, name, { wallet_id, idem_key: newKey(), ...args });
    const receipts = [
      await of('wallet_top_up', { amount: 100 }),
      await of('wallet_bonus', { amount: 20 }),
      await of('wallet_hold', { amount: 30 }),
      await of('wallet_spend', { amount: 5 }),
    ];
    receipts.push(await of('wallet_capture', { hold_id: receipts[2]?.hold_id, amount: 25 }));
    const expected = [
      NOTHING,
      { balance: '100', bonus_balance: '0', held_balance: '0', available: '100', seq: '1' },
      { balance: '120', bonus_balance: '20', held_balance: '0', available: '120', seq: '2' },
      { balance: '120', bonus_balance: '20', held_balance: '30', available: '90', seq: '3' },
      { balance: '115', bonus_balance: '20', held_balance: '30', available: '85', seq: '4' },
      { balance: '90', bonus_balance: '0', held_balance: '0', available: '90', seq: '5' },
    ];

    for (const [index, instant] of instants(receipts).entries()) {
      const [before, after] = [await shifted(instant, -1), await shifted(instant, 1)];
      expect(await at(wallet_id, before)).toEqual({ ...expected[index], as_of: before });
      expect(await at(wallet_id, instant)).toEqual({ ...expected[index + 1], as_of: instant });
      expect(await at(wallet_id, after)).toEqual({ ...expected[index + 1], as_of: after });
    }
    await expectSound(db);
  });

  it('returns the newest of several entries of one instant', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 1 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);
    // The expiry and the following spend have the same instant.
    const { created_at } = await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

    expect(await at(wallet_id, created_at)).toMatchObject({ balance: '0', seq: '4' });
    expect(await at(wallet_id, await shifted(created_at, -1))).toMatchObject({
      balance: '6',
      available: '1',
      seq: '2',
    });
  });

  it('is zero between the opening and the first entry, from the instant of the opening', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const opened = await createdAt(wallet_id);
    const { created_at } = await call(db, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey() });

    expect(await at(wallet_id, opened)).toEqual({ ...NOTHING, as_of: opened });
    expect(await at(wallet_id, await shifted(created_at, -1))).toMatchObject(NOTHING);
  });

  it('refuses an instant before the wallet existed, with the time of its opening (WLARG)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const before = await shifted(await createdAt(wallet_id), -1);

    for (const at_time of [before, '2000-01-01 00:00+00', '-infinity']) {
      const refused = await refusal(at(wallet_id, at_time));
      expect(refused).toMatchObject({
        code: 'WLARG',
        detail: {
          argument: 'at_time',
          at_time: expect.any(String) as string,
          created_at: expect.any(String) as string,
        },
      });
      expect(refused.hint).not.toBe('');
    }
  });

  it.each(['2999-12-31 00:00+00', 'infinity'])('answers %s as now', async (at_time) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5, bonus: 3 });
    await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });
    const before = await inMs(db, 0);

    const { as_of, ...balances } = await at(wallet_id, at_time);

    expect(balances).toEqual({ balance: '8', bonus_balance: '3', held_balance: '4', available: '4', seq: '3' });
    const { rows } = await db.query<{ now: boolean }>(
      'select $1::timestamptz between $2::timestamptz and clock_timestamp() as now',
      [as_of, before],
    );
    expect(rows).toEqual([{ now: true }]);
  });

  it('does not anticipate future expiries', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at: '2999-01-01' });

    expect(await at(wallet_id, '2999-12-31')).toMatchObject({ balance: '5', available: '5' });
  });

  it.each(['frozen', 'closed'])('is answered for a wallet that is %s now', async (status) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const { created_at } = await call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() });
    await call(db, 'wallet_spend', { wallet_id, amount: 6, idem_key: newKey() });
    await call<object>(db, status === 'frozen' ? 'wallet_freeze' : 'wallet_close', { wallet_id, reason: 'why' });

    expect(await at(wallet_id, created_at)).toMatchObject({ balance: '6', seq: '2' });
  });
});

describe('available at an instant', () => {
  it('excludes a lot from its expiry on, though the expiry was booked later', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 7, idem_key: newKey(), expires_at });
    await call(db, 'wallet_bonus', { wallet_id, amount: 2, idem_key: newKey(), expires_at: '2999-01-01' });
    const [then] = await ageTo(db, expires_at);
    const unbooked = await at(wallet_id, then);
    await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

    expect(await at(wallet_id, await shifted(then, -1))).toMatchObject({ balance: '19', available: '19' });
    expect(await at(wallet_id, then)).toMatchObject({ balance: '19', bonus_balance: '9', available: '12' });
    // Later bookings do not change answers about the past.
    expect(await at(wallet_id, then)).toEqual(unbooked);
    expect(await call<Balance>(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '11', available: '11' });
  });

  it('counts what was left of a lot at that time', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 7, idem_key: newKey(), expires_at });
    await call(db, 'wallet_bonus', { wallet_id, amount: 9, idem_key: newKey() });
    const { created_at } = await call(db, 'wallet_spend', { wallet_id, amount: 3, idem_key: newKey() });
    const [end, spent] = await ageTo(db, expires_at, created_at);

    expect(await at(wallet_id, spent)).toMatchObject({ balance: '13', available: '13' });
    expect(await at(wallet_id, end)).toMatchObject({ balance: '13', available: '9' });
  });

  it('counts credits reserved past their expiry as held, and not as lost', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 7, idem_key: newKey(), expires_at });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() });
    const [end] = await ageTo(db, expires_at);
    const { created_at } = await call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });

    // 2 of the lot were free and are excluded; 5 were reserved.
    const then = { balance: '17', bonus_balance: '7', held_balance: '5', available: '10' };
    expect(await at(wallet_id, end)).toMatchObject(then);
    expect(await at(wallet_id, await shifted(created_at, -1))).toMatchObject(then);
    expect(await at(wallet_id, created_at)).toMatchObject({ balance: '10', held_balance: '0', available: '10' });
    await expectSound(db);
  });

  it('counts a received lot until its own expiry', async () => {
    const asset = await someAsset(db);
    const [from, to] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 1 })];
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id: from, amount: 7, idem_key: newKey(), expires_at });
    await call(db, 'wallet_transfer', { from_wallet: from, to_wallet: to, amount: 4, idem_key: newKey() });
    const [end] = await ageTo(db, expires_at);

    expect(await at(from, end)).toMatchObject({ balance: '3', available: '0' });
    expect(await at(to, end)).toMatchObject({ balance: '5', available: '1' });
    expect(await at(to, await shifted(end, -1))).toMatchObject({ balance: '5', available: '5' });
  });

  it("counts a hold's credits from its expiry on, though that was booked later, and a closed hold once", async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 20 });
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    const hold = (amount: number, expires_at: string) =>
      call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey(), expires_at });
    const captured = await hold(1, soon);
    await hold(4, soon);
    await hold(8, later);
    await call(db, 'wallet_capture', { wallet_id, hold_id: captured.hold_id, idem_key: newKey() });
    await age(db, '90 minutes');
    const instant = await shifted(soon, -90 * 60 * 1_000_000);
    const unbooked = await at(wallet_id, instant);
    await call<object>(db, 'wallet_expire_due', {});

    expect(await at(wallet_id, await shifted(instant, -1))).toMatchObject({ held_balance: '12', available: '7' });
    expect(unbooked).toMatchObject({ balance: '19', held_balance: '12', available: '11' });
    // Later bookings do not change answers about the past.
    expect(await at(wallet_id, instant)).toEqual(unbooked);
    expect(await at(wallet_id, 'infinity')).toMatchObject({ held_balance: '8', available: '11' });
  });

  it('equals wallet_balance now', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 7, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() });
    await ageTo(db, expires_at);

    const [then, now] = [await at(wallet_id, 'infinity'), await call<Balance>(db, 'wallet_balance', { wallet_id })];

    expect(now).toMatchObject({ balance: '17', held_balance: '5', available: '10', seq: '3' });
    expect({ ...then, as_of: '' }).toEqual({ ...now, as_of: '' });
  });
});

describe('over a whole history', () => {
  it('equals the history at, before and after each of some hundred entries', async () => {
    const asset = await someAsset(db);
    const [wallet_id, friend] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 1000 })];
    const job = await db.connectJob();
    await call(job, 'wallet_top_up', { wallet_id, amount: 500, idem_key: newKey() });
    await job.query(
      `do $$
       declare
         v_hold uuid;
         v_left interval;
       begin
         for turn in 1 .. 40 loop
           perform ledger.wallet_top_up('${wallet_id}', turn, 'top-up ' || turn);
           v_left := case when turn % 3 = 0 then (50 + turn) * interval '1 ms' end;
           loop
             begin
               perform ledger.wallet_bonus('${wallet_id}', 2 * turn, 'bonus ' || turn, clock_timestamp() + v_left);
               exit;
             exception
               -- It took longer than that until it was to be booked.
               when sqlstate 'WLARG' then
                 v_left := 2 * v_left;
             end;
           end loop;
           v_hold := (ledger.wallet_hold('${wallet_id}', 3, 'hold ' || turn)).hold_id;
           perform ledger.wallet_spend('${wallet_id}', turn, 'spend ' || turn);
           perform ledger.wallet_transfer('${friend}', '${wallet_id}', 2, 'arrives ' || turn);
           perform ledger.wallet_transfer('${wallet_id}', '${friend}', 1, 'leaves ' || turn);
           if turn % 4 > 0 then
             perform ledger.wallet_capture('${wallet_id}', v_hold, 'capture ' || turn, 2);
           end if;
         end loop;
       end $$`,
    );

    const { rows } = await job.query<{ entries: number; different: number }>(
      `select count(*)::int as entries, count(*) filter (where (b.balance, b.bonus_balance, b.held_balance, b.seq)
           is distinct from (e.balance, e.bonus_balance, e.held_balance, e.seq))::int as different
       from (
         select distinct on (at.instant) at.instant, e.* from ledger.wallet_history($1) e, ledger.wallet_history($1) o,
           lateral (values (o.created_at), (o.created_at + interval '1 microsecond'), (o.created_at - interval '1 microsecond')) at (instant)
         where e.created_at <= at.instant
         order by at.instant, e.seq desc
       ) e, ledger.wallet_balance_at($1, e.instant) b`,
      [wallet_id],
    );

    expect(rows[0]?.different).toBe(0);
    expect(rows[0]?.entries).toBeGreaterThan(500);
    await expectSound(db);
  });

  it('needs one look-up for each doubling of the history', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await writing(db, (client) =>
      client.query(
        `insert into ledger.entries
           (wallet_id, transfer_id, seq, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance, paid_balance, free_balance,
             topped_up_total, granted_total, spent_total, sent_total, created_at, xid, kind, debit, credit, hash)
         select $1, uuidv7(), seq, 1, 0, 0, seq, 0, 0, seq, seq, seq, 0, 0, 0,
           clock_timestamp() - (100000 - seq) * interval '1 minute', pg_current_xact_id(), 'top_up', 'treasury', 'player', ''
         from generate_series(1, 100000) seq`,
        [wallet_id],
      ),
    );
    await db.query('alter table ledger.wallets disable trigger user');
    await db.query("update ledger.wallets set created_at = '2000-01-01' where id = $1", [wallet_id]);
    await db.query('alter table ledger.wallets enable trigger user');
    const service = await db.connectAs('service', 'shop');
    const then = await shifted(await inMs(db, 0), -50_000 * 60e6);
    await at(wallet_id, then, service);

    // The minimum of several runs: a server with an empty catalogue cache reads the catalogue too.
    const blocks: number[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      const { rows } = await service.query<{ 'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number } }] }>(
        `explain (analyze, buffers, format json) select * from ledger.wallet_balance_at('${wallet_id}', '${then}')`,
      );
      if (rows[0]) blocks.push(rows[0]['QUERY PLAN'][0].Plan['Shared Hit Blocks']);
    }

    expect(await at(wallet_id, then, service)).toMatchObject({
      balance: expect.stringMatching(/^(49999|50000)$/) as string,
    });
    // 18 entries, each with its index pages and a read of the wallet for the caller's rights.
    expect(Math.min(...blocks)).toBeLessThan(19 * 12);
  });
});

describe('wallet_balance_at, in order of precedence,', () => {
  it("gives a player their own wallet, and refuses another's (WLNOW)", async () => {
    const owner = newOwner();
    const asset = await someAsset(db);
    const [own, other] = [
      await newWallet(db, asset, { owner, bought: 10 }),
      await newWallet(db, asset, { bought: 10 }),
    ];
    const player = await db.connectAs('player', owner);

    expect(await at(own, 'infinity', player)).toMatchObject({ balance: '10' });
    for (const at_time of ['infinity', '-infinity'])
      expect(await refusal(at(other, at_time, player))).toMatchObject({ code: 'WLNOW', detail: { wallet_id: other } });
  });

  it('excludes expired credits for each reader', async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    // Not moved into the past together with the longest history.
    const expires_at = await bookSoon(db, (instant) =>
      call(db, 'wallet_bonus', { wallet_id, amount: 7, idem_key: newKey(), expires_at: instant }),
    );
    await passed(db, expires_at);

    for (const session of [
      await db.connectAs('player', owner),
      await db.connectAs('service', 'shop'),
      await db.connectAs('operator', 'eve'),
      await db.connectAs('auditor', 'audit'),
      await db.connectJob(),
    ]) {
      expect(await at(wallet_id, expires_at, session)).toMatchObject({ balance: '17', available: '10' });
      expect(await call<Balance>(session, 'wallet_balance', { wallet_id })).toMatchObject({ available: '10' });
    }
  });

  it.each([[UNKNOWN_WALLET], [null]])('refuses the null instant for the wallet %s (WLARG)', async (wallet_id) => {
    expect(await refusal(at(wallet_id, null))).toMatchObject({ code: 'WLARG', detail: { argument: 'at_time' } });
  });

  it.each([[UNKNOWN_WALLET], [null]])('refuses the wallet %s, before any instant (WLNOW)', async (wallet_id) => {
    expect(await refusal(at(wallet_id, '-infinity'))).toMatchObject({ code: 'WLNOW', detail: { wallet_id } });
  });

  it.each([
    ['not a time', '22007'],
    ['2026-02-30', '22008'],
    ['', '22007'],
  ])('cannot read the instant "%s" (%s)', async (at_time, code) => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(await refusal(at(wallet_id, at_time))).toMatchObject({ code });
  });
});
