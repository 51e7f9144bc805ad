import { setTimeout as sleep } from 'node:timers/promises';
import { age } from '../aged.ts';
import { call, callAll, createDatabase, newAsset, newKey, newWallet, refusal } from '../helpers.ts';

interface State {
  last_block_seq: string | null;
  last_block_at: Date | string | null;
  not_closed_seconds: number;
  last_verified_at: string | null;
  last_verify_findings: string | null;
  last_clean_verified_at: string | null;
  feed_cursor: string | null;
  feed_lag_seconds: number;
  overdue_seconds: number;
  unsettled_wallets: string;
}

describe('ledger_state', () => {
  const db = createDatabase();

  it("has the last block, the last verification, the feed's position and the worker's backlog, as they change", async () => {
    const operator = await db.connectAs('operator', 'kim');
    const state = () => call<State>(operator, 'ledger_state', {});
    expect(await state()).toMatchObject({
      last_block_seq: null,
      last_block_at: null,
      not_closed_seconds: 0,
      last_verified_at: null,
      last_verify_findings: null,
      last_clean_verified_at: null,
      feed_cursor: null,
      overdue_seconds: 0,
      unsettled_wallets: '0',
    });

    const wallet_id = await newWallet(db, await newAsset(db));
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await age(db, '2 hours', 'rehash');
    const waiting = await state();
    expect(waiting.overdue_seconds).toBeGreaterThan(3_000);
    expect(waiting.not_closed_seconds).toBeGreaterThan(7_000);

    await call(db, 'wallet_expire_due', {});
    await callAll(db, 'ledger_seal', {});
    await callAll(db, 'ledger_prove', {});
    const { rows } = await db.query<{ cursor: string }>(
      "select '1.' || e.xid || '.' || e.transfer_id as cursor from ledger.entries e order by e.xid desc, e.transfer_id desc limit 1",
    );
    // Until no transaction of other databases delays the feed.
    for (const deadline = Date.now() + 60_000; (await state()).feed_cursor !== rows[0]?.cursor; await sleep(20))
      if (Date.now() > deadline) throw new Error('the feed does not come to the end');
    const done = await state();

    expect(done).toMatchObject({
      last_block_seq: '1',
      overdue_seconds: 0,
      last_verify_findings: '0',
      feed_lag_seconds: 0,
      unsettled_wallets: '0',
    });
    expect(done.last_block_at).not.toBeNull();
    expect(done.last_verified_at).not.toBeNull();
    expect(done.last_clean_verified_at).toEqual(done.last_verified_at);
  });

  it('is for operators and auditors: 42501 for a service, a job and a player', async () => {
    await call(await db.connectAs('auditor', 'ada'), 'ledger_state', {});
    for (const session of [
      await db.connectAs('service', 'shop'),
      await db.connectJob(),
      await db.connectAs('player', 'one'),
    ])
      expect(await refusal(call(session, 'ledger_state', {}))).toMatchObject({ code: '42501' });
  });
});
