import { age, ageTo, tampering } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  inMs,
  newAsset,
  newKey,
  newWallet,
  type Session,
  waitsForLock,
} from '../helpers.ts';
import { sealUntil } from '../seals.ts';

const db = createDatabase();

async function metrics(session: Session = db): Promise<Record<string, number>> {
  const rows = await callAll<{ name: string; labels: object; value: number }>(session, 'ledger_metrics', {});
  for (const { labels } of rows) expect(labels).toEqual({});
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

describe('ledger_metrics', () => {
  it('has no age of what has never happened, and 0 if nothing is late', async () => {
    const found = await metrics();

    expect(Object.keys(found).sort()).toEqual([
      'feed_lag_seconds',
      'horizon_age_transactions',
      'lock_wait_seconds',
      'lock_waits',
      'oldest_due_seconds',
      'unsealed_seconds',
      'unsettled_wallets',
    ]);
    expect(found).toMatchObject({ oldest_due_seconds: 0, unsealed_seconds: 0, feed_lag_seconds: 0, lock_waits: 0 });
    expect(found.unsettled_wallets).toBe(0);
  });

  it('has how long expiries have been unbooked', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    const instant = await inMs(db, 3_600_000);
    await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at: instant });
    expect((await metrics()).oldest_due_seconds).toBe(0);
    await ageTo(db, instant);

    expect((await metrics()).oldest_due_seconds).toBeGreaterThan(0);
    await call(db, 'wallet_expire_due', {});
    expect((await metrics()).oldest_due_seconds).toBe(0);
  });

  it('has the time since the oldest unsealed entry, and the age of the last seal and of the last clean verification', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    expect((await metrics()).unsealed_seconds).toBeGreaterThan(0);
    await sealUntil(db, wallet_id, 1);
    await callAll(db, 'ledger_prove', { kept: '[{"seq": 99}]' });
    expect(await metrics()).toMatchObject({ unsealed_seconds: 0, last_seal_seconds: expect.any(Number) as number });
    expect(await metrics()).not.toHaveProperty('last_clean_verify_seconds');
    await callAll(db, 'ledger_prove', {});

    expect((await metrics()).last_clean_verify_seconds).toBeGreaterThan(0);
  });

  it('has the waiting sessions, and the delay of the feed in seconds and transactions', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 5 });
    const [first, second] = [await db.connect(), await db.connect()];
    const spend = (session: Session) => call(session, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });
    await first.query('begin');
    await spend(first);
    const waiting = spend(second);
    await waitsForLock(db, second);
    await newWallet(db, await newAsset(db), { bought: 1 });

    const found = await metrics();
    expect(found.lock_waits).toBe(1);
    expect(found.lock_wait_seconds).toBeGreaterThan(0);
    expect(found.feed_lag_seconds).toBeGreaterThan(0);
    expect(found.horizon_age_transactions).toBeGreaterThan(0);
    await first.query('commit');
    await waiting;
  });

  it("is for auditors, and for the gateway's login itself", async () => {
    for (const session of [await db.connectAs('auditor', 'a'), await db.connectLogin('wallet_gateway')])
      expect(Object.keys(await metrics(session))).toContain('lock_waits');
  });
});

describe('ledger_metrics, of a ledger that was edited,', () => {
  const other = createDatabase();

  it('counts wallets that cannot be settled, and has the delay of the others', async () => {
    const asset = await newAsset(other);
    const [bad, good] = [await newWallet(other, asset, { bought: 5 }), await newWallet(other, asset, { bought: 5 })];
    const hold = async (wallet_id: string) => {
      const expires_at = await inMs(other, 3_600_000);
      await call(other, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at });
    };
    await hold(bad);
    await tampering(other, (client) => client.query('delete from ledger.holds where wallet_id = $1', [bad]));
    await age(other, '3 hours');
    expect((await metrics(other)).oldest_due_seconds).toBeGreaterThan(7_000);
    await call(other, 'wallet_expire_due', {});
    expect(await metrics(other)).toMatchObject({ unsettled_wallets: 1, oldest_due_seconds: 0 });

    await hold(good);
    await age(other, '2 hours');
    const { oldest_due_seconds, unsettled_wallets } = await metrics(other);
    expect(oldest_due_seconds).toBeGreaterThan(3_500);
    expect(oldest_due_seconds).toBeLessThan(7_000);
    expect(unsettled_wallets).toBe(1);
  });
});
