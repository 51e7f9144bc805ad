import { age } from '../aged.ts';
import {
  call,
  createDatabase,
  forceHead,
  inMs,
  newKey,
  newOwner,
  newWallet,
  refusal,
  setStatus,
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

describe('wallet_balance', () => {
  it('is zero for a wallet without entries', async () => {
    const wallet = await newWallet(db, await someAsset(db));

    expect(await call<Balance>(db, 'wallet_balance', { wallet_id: wallet })).toEqual({
      balance: '0',
      bonus_balance: '0',
      held_balance: '0',
      available: '0',
      seq: '0',
      as_of: expect.any(String) as string,
    });
  });

  it('equals the newest entry', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 3, idem_key: newKey() });

    expect(await call<Balance>(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({
      balance: '12',
      bonus_balance: '2',
      held_balance: '0',
      available: '12',
      seq: '3',
    });
  });

  it('includes reserved credits in the balance, but not in available', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    await forceHead(db, wallet, { balance: '10', held_balance: '4' });

    expect(await call<Balance>(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({
      balance: '10',
      held_balance: '4',
      available: '6',
    });
  });

  it('excludes expired credits from available, from their expiry on, even before it is booked', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await call(db, 'wallet_spend', { wallet_id, amount: 2, idem_key: newKey() });

    const before = await call<Balance>(db, 'wallet_balance', { wallet_id });
    await age(db, '1 hour');
    const after = await call<Balance>(db, 'wallet_balance', { wallet_id });

    expect(before).toMatchObject({ balance: '13', bonus_balance: '3', available: '13', seq: '3' });
    expect(after).toMatchObject({ balance: '13', bonus_balance: '3', available: '10', seq: '3' });
    expect(await refusal(call(db, 'wallet_spend', { wallet_id, amount: 11, idem_key: newKey() }))).toMatchObject({
      code: 'WLFND',
      detail: { available: '10' },
    });
  });

  it('counts expired credits of a hold as held, only once', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey() });
    await age(db, '1 hour');

    expect(await call<Balance>(db, 'wallet_balance', { wallet_id })).toMatchObject({
      balance: '15',
      bonus_balance: '5',
      held_balance: '4',
      available: '10',
    });
  });

  it("excludes expired credits from a player's own available too", async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    const player = await db.connectAs('player', owner);
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await age(db, '1 hour');

    expect(await call<Balance>(player, 'wallet_balance', { wallet_id })).toMatchObject({
      balance: '15',
      available: '10',
    });
  });

  it('has the time of the reading', async () => {
    const wallet = await newWallet(db, await someAsset(db));

    const before = await inMs(db, 0);
    const { as_of } = await call<Balance>(db, 'wallet_balance', { wallet_id: wallet });

    const { rows } = await db.query('select $1::timestamptz between $2 and clock_timestamp() as now', [as_of, before]);
    expect(rows).toEqual([{ now: true }]);
  });

  it.each(['frozen', 'closed'] as const)('is answered for a %s wallet', async (status) => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    await setStatus(db, wallet, status);

    expect(await call<Balance>(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '10' });
  });

  it("gives a player their own wallet, and refuses another's (WLNOW)", async () => {
    const owner = newOwner();
    const [own, other] = [
      await newWallet(db, await someAsset(db), { owner, bought: 10 }),
      await newWallet(db, await someAsset(db), { bought: 10 }),
    ];
    const player = await db.connectAs('player', owner);

    expect(await call<Balance>(player, 'wallet_balance', { wallet_id: own })).toMatchObject({ balance: '10' });
    expect(await refusal(call(player, 'wallet_balance', { wallet_id: other }))).toMatchObject({
      code: 'WLNOW',
      detail: { wallet_id: other },
    });
  });

  it.each([[UNKNOWN_WALLET], [null]])('refuses the wallet %s (WLNOW)', async (wallet_id) => {
    expect(await refusal(call(db, 'wallet_balance', { wallet_id }))).toMatchObject({
      code: 'WLNOW',
      detail: { wallet_id },
    });
  });

  it('reads a few pages to find the expiries of a wallet that has had 20,000 holds', async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    await writing(db, (client) =>
      client.query(
        `insert into ledger.holds (wallet_id, id, seq, amount, bonus_amount, expires_at, created_at)
           select $1, uuidv7(), 10 + n, 1, 0, now() - interval '1 day', now() - interval '1 day' from generate_series(1, 20000) n`,
        [wallet_id],
      ),
    );
    await db.query('analyze ledger.holds');
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
    await age(db, '1 hour');
    const player = await db.connectAs('player', owner);
    const ask = `select available from ledger.wallet_balance('${wallet_id}')`;
    expect((await player.query(ask)).rows).toEqual([{ available: '10' }]);

    const blocks: number[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      const { rows } = await player.query<{ 'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number } }] }>(
        `explain (analyze, buffers, format json) ${ask}`,
      );
      if (rows[0]) blocks.push(rows[0]['QUERY PLAN'][0].Plan['Shared Hit Blocks']);
    }

    expect(Math.min(...blocks)).toBeLessThan(60);
  });
});
