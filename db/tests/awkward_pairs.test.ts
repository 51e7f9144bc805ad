/** Combinations of two features in one wallet. */
import { ageTo } from './aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type Session,
} from './helpers.ts';

interface Line {
  seq: string;
  kind: string;
  amount: string;
  bonus_amount: string;
  held_amount: string;
  balance: string;
  bonus_balance: string;
  held_balance: string;
  created_at: string;
  idem_key: string | null;
  counterparty: string | null;
}

const db = createDatabase();

const history = (wallet_id: string): Promise<Line[]> => callAll<Line>(db, 'wallet_history', { wallet_id });
const explain = (wallet_id: string) => callAll<object>(db, 'wallet_explain', { wallet_id });
const balance = (wallet_id: string) => call<object>(db, 'wallet_balance', { wallet_id });
const grant = (wallet_id: string, amount: number, expires_at?: string) =>
  call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
const hold = (wallet_id: string, amount: number, expires_at?: string) =>
  call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey(), expires_at });

/** Sums of the asset by account. */
async function accounts(asset_code: string): Promise<Record<string, number>> {
  const rows = await callAll<{ account: string; debit: string; credit: string }>(db, 'ledger_trial_balance', {
    asset_code,
  });
  return Object.fromEntries(rows.map(({ account, debit, credit }) => [account, Number(debit) + Number(credit)]));
}

/** Books all expiries, as the worker does. */
async function sweep(session: Session = db): Promise<void> {
  const {
    rows: [row],
  } = await session.query<{ settled: string }>('select ledger.wallet_expire_due() as settled');
  expect(Number(row?.settled)).toBeGreaterThan(0);
}

describe('hold and expiry', () => {
  /** The case that breaks a ledger whose expiry ignores holds: a lot of 100 expires while 80 of it are held. */
  async function dueUnderHold(): Promise<{ asset: string; wallet: string; hold_id: string | null }> {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet, 100, expires_at);
    const { hold_id } = await hold(wallet, 80);
    expect(await balance(wallet)).toMatchObject({ balance: '100', held_balance: '80', available: '20' });
    await ageTo(db, expires_at);
    return { asset, wallet, hold_id };
  }

  it('of 100 in one lot that expires, 80 are held: the expiry takes 20, the hold keeps 80', async () => {
    const { asset, wallet, hold_id } = await dueUnderHold();
    expect(await balance(wallet)).toMatchObject({ balance: '100', held_balance: '80', available: '0' });

    await sweep();

    expect((await history(wallet)).at(-1)).toMatchObject({
      seq: '3',
      kind: 'expiry',
      amount: '20',
      bonus_amount: '20',
      balance: '80',
      bonus_balance: '80',
      held_balance: '80',
      counterparty: 'breakage',
      idem_key: null,
    });
    expect(await accounts(asset)).toMatchObject({ players: 80, breakage: 20, promotions: 100 });
    expect(await explain(wallet)).toMatchObject([{ source: 'expiring_bonus', amount: '80', available: '0', hold_id }]);
    await expectSound(db);
  });

  it('books the 20 once: neither the next sweep nor the next call finds more', async () => {
    const { asset, wallet } = await dueUnderHold();

    await sweep();
    const again = await call<{ wallet_expire_due: string }>(db, 'wallet_expire_due', {});
    await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    expect(await refusal(hold(wallet, 2))).toMatchObject({ code: 'WLFND', detail: { available: '1' } });

    expect(again).toMatchObject({ wallet_expire_due: '0' });
    expect((await history(wallet)).map(({ kind }) => kind)).toEqual(['bonus', 'hold', 'expiry', 'top_up']);
    expect(await accounts(asset)).toMatchObject({ players: 81, breakage: 20 });
    await expectSound(db);
  });

  it('is booked by the next call if that comes before the sweep, and cannot be spent by it (WLFND)', async () => {
    const { asset, wallet } = await dueUnderHold();

    expect(await refusal(call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() }))).toMatchObject(
      { code: 'WLFND', detail: { available: '0' } },
    );
    expect(await history(wallet)).toHaveLength(2);
    expect(await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 5, idem_key: newKey() })).toMatchObject({
      seq: '4',
      balance: '85',
      bonus_balance: '80',
      held_balance: '80',
      available: '5',
    });

    expect(await accounts(asset)).toMatchObject({ players: 85, breakage: 20 });
    await expectSound(db);
  });

  it('takes nothing while holds reserve all of the lot, however often it runs', async () => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet, 10, expires_at);
    await hold(wallet, 4);
    await hold(wallet, 8);
    await ageTo(db, expires_at);

    expect(await call<object>(db, 'wallet_expire_due', {})).toEqual({ wallet_expire_due: '0' });
    expect(await call(db, 'wallet_spend', { wallet_id: wallet, amount: 3, idem_key: newKey() })).toMatchObject({
      seq: '5',
      bonus_amount: '0',
      available: '0',
      held_balance: '12',
    });
    await expectSound(db);
  });

  it('releases expired holds before it looks at lots: if both expire at the same instant, the whole lot expires', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 7 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet, 100, expires_at);
    await hold(wallet, 80, expires_at);
    await hold(wallet, 25, expires_at);
    await ageTo(db, expires_at);

    await sweep();

    expect((await history(wallet)).slice(4)).toMatchObject([
      { kind: 'release', held_amount: '-80', held_balance: '25', balance: '107', idem_key: null },
      { kind: 'release', held_amount: '-25', held_balance: '0', balance: '107', idem_key: null },
      { kind: 'expiry', amount: '100', balance: '7', bonus_balance: '0', idem_key: null },
    ]);
    expect(await accounts(asset)).toMatchObject({ players: 7, breakage: 100 });
    await expectSound(db);
  });

  it('keeps a lot that expires after the hold on it: it can be spent until its own expiry', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    await grant(wallet, 10, later);
    await hold(wallet, 10, soon);
    await ageTo(db, soon);

    await sweep();

    expect(await explain(wallet)).toMatchObject([{ source: 'expiring_bonus', amount: '10', available: '10' }]);
    expect(await call(db, 'wallet_spend', { wallet_id: wallet, amount: 10, idem_key: newKey() })).toMatchObject({
      bonus_amount: '10',
      balance: '0',
    });
    await expectSound(db);
  });
});

describe('capture after its lots expired', () => {
  it('spends credits after their expiry, because the hold was placed before', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet, 10, expires_at);
    const { hold_id } = await hold(wallet, 12);
    await ageTo(db, expires_at);

    const receipt = await call(db, 'wallet_capture', { wallet_id: wallet, hold_id, idem_key: newKey() });

    expect(receipt).toMatchObject({ seq: '4', amount: '12', bonus_amount: '10', balance: '3', bonus_balance: '0' });
    expect(await history(wallet)).toHaveLength(4);
    expect(await accounts(asset)).toMatchObject({ players: 3, revenue: 12, breakage: 0 });
    await expectSound(db);
  });

  it.each([
    { amount: 4, expired: '6', left: '5', revenue: 4 },
    { amount: 9, expired: '1', left: '5', revenue: 9 },
    { amount: 10, expired: null, left: '5', revenue: 10 },
    { amount: 11, expired: null, left: '4', revenue: 11 },
  ])(
    'takes $amount of 12, of which 10 have expired: what it leaves of the 10 goes to breakage in the same commit',
    async ({ amount, expired, left, revenue }) => {
      const asset = await newAsset(db);
      const wallet = await newWallet(db, asset, { bought: 5 });
      const expires_at = await inMs(db, 3_600_000);
      await grant(wallet, 10, expires_at);
      const { hold_id } = await hold(wallet, 12);
      await ageTo(db, expires_at);
      const request = { wallet_id: wallet, hold_id, idem_key: newKey(), amount };

      const session = await db.connectJob();
      await session.query('begin');
      const receipt = await call(session, 'wallet_capture', request);
      expect(await history(wallet)).toHaveLength(3);
      await session.query('commit');

      expect(receipt).toMatchObject({ seq: '4', kind: 'capture', amount: String(amount) });
      expect((await history(wallet)).slice(4)).toMatchObject(
        expired === null ? [] : [{ kind: 'expiry', amount: expired, balance: left }],
      );
      expect(await balance(wallet)).toMatchObject({
        balance: left,
        bonus_balance: '0',
        held_balance: '0',
        available: left,
      });
      expect(await accounts(asset)).toMatchObject({ players: Number(left), revenue, breakage: Number(expired ?? 0) });
      expect(await call(session, 'wallet_capture', request)).toEqual({ ...receipt, replayed: true });
      await expectSound(db);
    },
  );

  it('takes nothing twice after the sweep took the rest of the lot', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet, 100, expires_at);
    const { hold_id } = await hold(wallet, 80);
    await ageTo(db, expires_at);
    await sweep();

    await call(db, 'wallet_capture', { wallet_id: wallet, hold_id, idem_key: newKey(), amount: 50 });

    expect((await history(wallet)).slice(2)).toMatchObject([
      { kind: 'expiry', amount: '20', balance: '80' },
      { kind: 'capture', amount: '50', held_amount: '-80', balance: '30' },
      { kind: 'expiry', amount: '30', balance: '0' },
    ]);
    expect(await accounts(asset)).toMatchObject({ players: 0, revenue: 50, breakage: 50 });
    await expectSound(db);
  });

  it('takes from the lots that expire first, and releases the rest of a lot that has not expired', async () => {
    const wallet = await newWallet(db, await newAsset(db));
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    await grant(wallet, 10, later);
    await grant(wallet, 10, soon);
    const { hold_id } = await hold(wallet, 15);
    const [, expires_at] = await ageTo(db, soon, later);

    await call(db, 'wallet_capture', { wallet_id: wallet, hold_id, idem_key: newKey(), amount: 12 });

    expect(await explain(wallet)).toMatchObject([
      { source: 'expiring_bonus', amount: '8', available: '8', expires_at },
    ]);
    await expectSound(db);
  });
});

describe('release after its lots expired', () => {
  it('books the released credits to breakage in the same commit; the receipt is that of the release', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 5 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet, 10, expires_at);
    const { hold_id } = await hold(wallet, 12);
    await ageTo(db, expires_at);

    const session = await db.connectJob();
    await session.query('begin');
    const receipt = await call(session, 'wallet_release', { wallet_id: wallet, hold_id, idem_key: newKey() });
    expect(await history(wallet)).toHaveLength(3);
    await session.query('commit');

    expect(receipt).toMatchObject({ seq: '4', kind: 'release', amount: '12', balance: '15', held_balance: '0' });
    expect((await history(wallet)).slice(3)).toMatchObject([
      { kind: 'release', held_amount: '-12' },
      { kind: 'expiry', amount: '10', balance: '5', bonus_balance: '0' },
    ]);
    expect(await accounts(asset)).toMatchObject({ players: 5, breakage: 10, revenue: 0 });
    await expectSound(db);
  });

  it('releases what has not expired, and keeps the credits of other holds reserved', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    await grant(wallet, 10, soon);
    await grant(wallet, 10, later);
    const other = await hold(wallet, 4);
    const { hold_id } = await hold(wallet, 11);
    const [past, ahead] = await ageTo(db, soon, later);

    await call(db, 'wallet_release', { wallet_id: wallet, hold_id, idem_key: newKey() });

    expect(await explain(wallet)).toMatchObject([
      { source: 'expiring_bonus', amount: '10', available: '10', expires_at: ahead, hold_id: null },
      { source: 'expiring_bonus', amount: '4', available: '0', expires_at: past, hold_id: other.hold_id },
    ]);
    expect(await accounts(asset)).toMatchObject({ players: 14, breakage: 6 });
    await expectSound(db);
  });

  it('of a hold that expires later than its lots books them', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset);
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    await grant(wallet, 10, soon);
    await hold(wallet, 6, later);
    const [, end] = await ageTo(db, soon, later);
    await sweep();
    expect(await accounts(asset)).toMatchObject({ players: 6, breakage: 4 });
    await ageTo(db, end);

    await sweep();

    expect((await history(wallet)).map(({ kind, amount }) => [kind, amount])).toEqual([
      ['bonus', '10'],
      ['hold', '0'],
      ['expiry', '4'],
      ['release', '0'],
      ['expiry', '6'],
    ]);
    await expectSound(db);
  });
});

describe('transfer of expiring credits', () => {
  it('lets them expire in the receiving wallet at their own expiries', async () => {
    const asset = await newAsset(db);
    const [from, to] = [await newWallet(db, asset, { bonus: 5 }), await newWallet(db, asset, { bonus: 1 })];
    const [soon, later] = [await inMs(db, 3_600_000), await inMs(db, 7_200_000)];
    await grant(from, 10, later);
    await grant(from, 10, soon);
    await call(db, 'wallet_transfer', { from_wallet: from, to_wallet: to, amount: 14, idem_key: newKey() });
    expect(await explain(to)).toMatchObject([
      { source: 'expiring_bonus', amount: '10', expires_at: soon },
      { source: 'expiring_bonus', amount: '4', expires_at: later },
      { source: 'bonus', amount: '1' },
    ]);
    await ageTo(db, soon);

    await sweep();

    expect(await balance(to)).toMatchObject({ balance: '5', bonus_balance: '5', available: '5' });
    expect(await balance(from)).toMatchObject({ balance: '11', bonus_balance: '11', available: '11' });
    expect(await accounts(asset)).toMatchObject({ players: 16, breakage: 10 });
    await expectSound(db);
  });

  it('does not save what has expired: that goes to breakage first, and cannot be sent (WLFND)', async () => {
    const asset = await newAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 3 }), await newWallet(db, asset)];
    const expires_at = await inMs(db, 3_600_000);
    await grant(from, 10, expires_at);
    await grant(to, 10, expires_at);
    await ageTo(db, expires_at);
    const send = (amount: number) =>
      call(db, 'wallet_transfer', { from_wallet: from, to_wallet: to, amount, idem_key: newKey() });

    expect(await refusal(send(4))).toMatchObject({ code: 'WLFND', detail: { available: '3' } });
    expect(await send(3)).toMatchObject({ bonus_amount: '0', balance: '0' });

    expect((await history(to)).slice(1)).toMatchObject([
      { kind: 'expiry', amount: '10', balance: '0' },
      { kind: 'transfer', amount: '3', balance: '3', bonus_balance: '0' },
    ]);
    expect(await accounts(asset)).toMatchObject({ players: 3, breakage: 20 });
    await expectSound(db);
  });

  it('leaves reserved credits where they are; released after their expiry they go to breakage there', async () => {
    const asset = await newAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 5 }), await newWallet(db, asset)];
    const expires_at = await inMs(db, 3_600_000);
    await grant(from, 10, expires_at);
    const { hold_id } = await hold(from, 6);
    await call(db, 'wallet_transfer', { from_wallet: from, to_wallet: to, amount: 7, idem_key: newKey() });
    expect(await explain(to)).toMatchObject([
      { source: 'expiring_bonus', amount: '4' },
      { source: 'paid', amount: '3' },
    ]);
    await ageTo(db, expires_at);

    await call(db, 'wallet_release', { wallet_id: from, hold_id, idem_key: newKey() });
    await sweep();

    expect(await balance(from)).toMatchObject({ balance: '2', bonus_balance: '0' });
    expect(await balance(to)).toMatchObject({ balance: '3', bonus_balance: '0' });
    expect(await accounts(asset)).toMatchObject({ players: 5, breakage: 10 });
    await expectSound(db);
  });
});
