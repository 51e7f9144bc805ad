import { age } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  inMs,
  newKey,
  newOwner,
  newWallet,
  refusal,
  someAsset,
  UNKNOWN_WALLET,
} from '../helpers.ts';

interface Part {
  source: string;
  amount: string;
  available: string;
  expires_at: string | null;
  transfer_id: string | null;
  hold_id: string | null;
}

const db = createDatabase();
const explain = (wallet_id: string): Promise<Part[]> => callAll<Part>(db, 'wallet_explain', { wallet_id });
const sum = (parts: Part[], field: 'amount' | 'available') =>
  String(parts.reduce((total, part) => total + Number(part[field]), 0));

/** Checks that the parts add up to wallet_balance. */
async function expectAddsUp(wallet_id: string): Promise<Part[]> {
  const parts = await explain(wallet_id);
  const held = parts.filter(({ hold_id }) => hold_id !== null);
  const bonus = parts.filter(({ source }) => source !== 'paid');
  expect(await call<object>(db, 'wallet_balance', { wallet_id })).toMatchObject({
    balance: sum(parts, 'amount'),
    bonus_balance: sum(bonus, 'amount'),
    held_balance: sum(held, 'amount'),
    available: sum(parts, 'available'),
  });
  return parts;
}

describe('wallet_explain', () => {
  it('has no part for a wallet without credits', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(await explain(wallet_id)).toEqual([]);
  });

  it('separates paid and bonus credits', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });

    expect(await expectAddsUp(wallet_id)).toEqual(
      [
        { source: 'bonus', amount: '5', available: '5' },
        { source: 'paid', amount: '10', available: '10' },
      ].map((part) => ({ ...part, expires_at: null, transfer_id: null, hold_id: null })),
    );
  });

  it('lists each lot with its rest and the transfer that brought it, the earliest expiry first', async () => {
    const asset = await someAsset(db);
    const [wallet_id, friend] = [await newWallet(db, asset, { bought: 10, bonus: 5 }), await newWallet(db, asset)];
    const [early, late] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    const grant = (wallet: string, amount: number, expires_at: string) =>
      call(db, 'wallet_bonus', { wallet_id: wallet, amount, idem_key: newKey(), expires_at });
    const one = await grant(wallet_id, 7, late);
    const two = await grant(wallet_id, 3, early);
    await grant(friend, 4, late);
    const sent = { from_wallet: friend, to_wallet: wallet_id, amount: 4, idem_key: newKey() };
    const three = await call(db, 'wallet_transfer', sent);
    await call(db, 'wallet_spend', { wallet_id, amount: 2, idem_key: newKey() });

    expect(await expectAddsUp(wallet_id)).toMatchObject([
      { source: 'expiring_bonus', amount: '1', expires_at: early, transfer_id: two.transfer_id },
      { source: 'expiring_bonus', amount: '7', expires_at: late, transfer_id: one.transfer_id },
      { source: 'expiring_bonus', amount: '4', expires_at: late, transfer_id: three.transfer_id },
      { source: 'bonus', amount: '5' },
      { source: 'paid', amount: '10' },
    ]);
    expect(await explain(friend)).toEqual([]);
  });

  it('lists the credits of each open hold by source', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
    const hold = async (amount: number) =>
      (await call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey() })).hold_id;
    const [one, two, gone] = [await hold(3), await hold(8), await hold(2)];
    await call(db, 'wallet_capture', { wallet_id, hold_id: gone, idem_key: newKey() });

    const parts = await expectAddsUp(wallet_id);

    expect(parts.filter(({ hold_id }) => hold_id === null)).toMatchObject([{ source: 'paid', amount: '6' }]);
    expect(parts.filter(({ hold_id }) => hold_id === one)).toMatchObject([
      { source: 'expiring_bonus', amount: '3', available: '0', expires_at },
    ]);
    expect(parts.filter(({ hold_id }) => hold_id === two)).toMatchObject([
      { source: 'expiring_bonus', amount: '1', available: '0', expires_at },
      { source: 'bonus', amount: '5', available: '0', expires_at: null },
      { source: 'paid', amount: '2', available: '0' },
    ]);
    expect(parts).toHaveLength(5);
  });

  it('shows expired credits that are not booked yet as unavailable, and not after the booking', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey() });
    await age(db, '1 hour');

    expect(await expectAddsUp(wallet_id)).toMatchObject([
      { source: 'expiring_bonus', amount: '3', available: '0', hold_id: null },
      { source: 'paid', amount: '10', available: '10', hold_id: null },
      { source: 'expiring_bonus', amount: '1', available: '0', hold_id },
    ]);
    await call(db, 'wallet_expire_due', {});
    expect(await expectAddsUp(wallet_id)).toMatchObject([
      { source: 'paid', amount: '10', available: '10' },
      { source: 'expiring_bonus', amount: '1', available: '0', hold_id },
    ]);
  });

  it("shows a hold's credits as free or expired from its expiry on, before that is booked", async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    for (const expires_at of [soon, later])
      await call(db, 'wallet_bonus', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
    const { hold_id } = await call(db, 'wallet_hold', { wallet_id, amount: 2, idem_key: newKey() });
    await call(db, 'wallet_hold', { wallet_id, amount: 14, idem_key: newKey(), expires_at: soon });
    await age(db, '1 hour');

    const parts = await explain(wallet_id);

    expect(parts).toMatchObject([
      { source: 'expiring_bonus', amount: '2', available: '0', hold_id: null },
      { source: 'expiring_bonus', amount: '4', available: '4', hold_id: null },
      { source: 'bonus', amount: '5', available: '5', hold_id: null },
      { source: 'paid', amount: '10', available: '10', hold_id: null },
      { source: 'expiring_bonus', amount: '2', available: '0', hold_id },
    ]);
    const balance = await call<Record<string, string>>(db, 'wallet_balance', { wallet_id });
    expect(balance).toMatchObject({ balance: sum(parts, 'amount'), available: sum(parts, 'available') });
    expect(await call(db, 'wallet_spend', { wallet_id, amount: 19, idem_key: newKey() })).toMatchObject({
      available: '0',
    });
    expect(await expectAddsUp(wallet_id)).toMatchObject([{ source: 'expiring_bonus', amount: '2', hold_id }]);
  });

  it("gives a player their own wallet, and refuses another's (WLNOW)", async () => {
    const owner = newOwner();
    const asset = await someAsset(db);
    const [own, other] = [await newWallet(db, asset, { owner, bought: 10 }), await newWallet(db, asset)];
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id: own, amount: 4, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id: own, amount: 5, idem_key: newKey() });
    const player = await db.connectAs('player', owner);

    expect(await callAll<Part>(player, 'wallet_explain', { wallet_id: own })).toEqual(await explain(own));
    expect(await refusal(call(player, 'wallet_explain', { wallet_id: other }))).toMatchObject({
      code: 'WLNOW',
      detail: { wallet_id: other },
    });
  });

  it.each([[UNKNOWN_WALLET], [null]])('refuses the wallet %s (WLNOW)', async (wallet_id) => {
    expect(await refusal(callAll(db, 'wallet_explain', { wallet_id }))).toMatchObject({
      code: 'WLNOW',
      detail: { wallet_id },
    });
  });
});
