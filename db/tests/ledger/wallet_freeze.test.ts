import { ageTo } from '../aged.ts';
import {
  call,
  createDatabase,
  expectSound,
  inMs,
  newKey,
  newOwner,
  newWallet,
  refusal,
  rowsOf,
  someAsset,
  waitsForLock,
} from '../helpers.ts';
import { empty, eventsOf, type Movable, movableWallet, MOVEMENTS, STATUS_REFUSALS, type Wallet } from '../movements.ts';

const db = createDatabase();
const freeze = (wallet_id: string) => call<Wallet>(db, 'wallet_freeze', { wallet_id, reason: 'chargeback' });

describe('wallet_freeze', () => {
  it('freezes an open wallet, with an event that has the actor and the reason', async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    const operator = await db.connectAs('operator', 'eve');

    const wallet = await call<Wallet>(operator, 'wallet_freeze', { wallet_id, reason: 'Chargeback "7", see ticket' });

    expect(wallet).toMatchObject({ id: wallet_id, owner_id: owner, status: 'frozen' });
    expect((await eventsOf(db, wallet_id)).slice(1)).toEqual([
      { seq: 2, kind: 'frozen', reason: 'Chargeback "7", see ticket', actor: 'operator:eve' },
    ]);
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '10', available: '10', seq: '1' });
    await expectSound(db);
  });

  it('leaves a frozen wallet unchanged, without a second event', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const first = await freeze(wallet_id);

    const again = await call<Wallet>(db, 'wallet_freeze', { wallet_id, reason: 'another reason' });

    expect(again).toEqual(first);
    expect(await eventsOf(db, wallet_id)).toMatchObject([{ kind: 'opened' }, { kind: 'frozen', reason: 'chargeback' }]);
  });

  it.each(['x', 'x'.repeat(1000), 'ü'.repeat(1000)])('accepts the reason %s', async (reason) => {
    const wallet_id = await newWallet(db, await someAsset(db));

    await call<Wallet>(db, 'wallet_freeze', { wallet_id, reason });

    expect(await eventsOf(db, wallet_id)).toMatchObject([{ kind: 'opened' }, { reason }]);
  });

  it('can be repeated after the wallet was reopened, each time with an event', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));

    await freeze(wallet_id);
    await call<Wallet>(db, 'wallet_reopen', { wallet_id, reason: 'cleared' });
    await freeze(wallet_id);

    expect(await eventsOf(db, wallet_id)).toMatchObject([
      { seq: 1, kind: 'opened' },
      { seq: 2, kind: 'frozen' },
      { seq: 3, kind: 'reopened' },
      { seq: 4, kind: 'frozen' },
    ]);
    await expectSound(db);
  });

  it.each(STATUS_REFUSALS)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const refused = await refusal(call(db, 'wallet_freeze', await arrange(db)));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
  });

  it('refuses a closed wallet (WLCLS)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await call<Wallet>(db, 'wallet_close', { wallet_id, reason: 'left' });

    expect(await refusal(freeze(wallet_id))).toMatchObject({ code: 'WLCLS', detail: { wallet_id } });
    expect(await eventsOf(db, wallet_id)).toHaveLength(2);
  });

  it('checks the reason first, also for a closed wallet (WLARG)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await call<Wallet>(db, 'wallet_close', { wallet_id, reason: 'left' });

    expect(await refusal(call(db, 'wallet_freeze', { wallet_id, reason: '' }))).toMatchObject({ code: 'WLARG' });
  });
});

describe('a frozen wallet', () => {
  let movable: Movable;
  beforeEach(async () => {
    movable = await movableWallet(db, await someAsset(db));
    await freeze(movable.wallet);
  });

  it.each(MOVEMENTS.filter(({ leaves }) => leaves))('refuses $what (WLFRZ)', async ({ book }) => {
    const before = await rowsOf(db);

    const refused = await refusal(book(await db.connectAs('operator', 'op'), movable));

    expect(refused).toMatchObject({ code: 'WLFRZ', detail: { wallet_id: movable.wallet } });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(MOVEMENTS.filter(({ leaves }) => !leaves))('allows $what', async ({ book }) => {
    const before = await rowsOf(db, movable.wallet);

    await book(await db.connectAs('operator', 'op'), movable);

    expect((await rowsOf(db, movable.wallet)).entries).toBe(before.entries + 1);
  });

  it('lets none of its credits arrive elsewhere, also if it has none (WLFRZ before WLFND)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await freeze(wallet_id);

    expect(await refusal(call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }))).toMatchObject({
      code: 'WLFRZ',
    });
  });

  it('is returned by wallet_open', async () => {
    const owner = newOwner();
    const asset_code = await someAsset(db);
    const wallet_id = await newWallet(db, asset_code, { owner });
    await freeze(wallet_id);

    expect(await call<Wallet>(db, 'wallet_open', { owner_id: owner, asset_code })).toMatchObject({
      id: wallet_id,
      status: 'frozen',
    });
  });

  it.each([
    {
      by: 'the next credit',
      touch: (wallet_id: string) => call(db, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() }),
    },
    { by: 'the sweep', touch: () => call<object>(db, 'wallet_expire_due', {}) },
  ])('has what is due booked by $by: a hold is freed, a lot goes to breakage', async ({ touch }) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey(), expires_at });
    await freeze(wallet_id);
    await ageTo(db, expires_at);

    await touch(wallet_id);

    const { rows } = await db.query(
      `select kind, amount, held_amount, held_balance from ledger.entries where wallet_id = $1 and seq > 3 and kind <> 'top_up' order by seq`,
      [wallet_id],
    );
    expect(rows).toEqual([
      { kind: 'release', amount: '0', held_amount: '-3', held_balance: '0' },
      { kind: 'expiry', amount: '5', held_amount: '0', held_balance: '0' },
    ]);
    await expectSound(db);
  });

  it('books no expiries if it refuses', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await freeze(wallet_id);
    await ageTo(db, expires_at);

    expect(await refusal(call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }))).toMatchObject({
      code: 'WLFRZ',
    });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 1, entries: 1 });
  });

  it('replays earlier bookings', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const spend = { wallet_id, amount: 4, idem_key: newKey() };
    const hold = { wallet_id, amount: 2, idem_key: newKey() };
    const [spent, held] = [await call(db, 'wallet_spend', spend), await call(db, 'wallet_hold', hold)];
    await freeze(wallet_id);

    expect(await call(db, 'wallet_spend', spend)).toEqual({ ...spent, replayed: true });
    expect(await call(db, 'wallet_hold', hold)).toEqual({ ...held, replayed: true });
  });

  it('can be closed once it is empty', async () => {
    const emptied = await movableWallet(db, await someAsset(db));
    await empty(db, emptied);
    await freeze(emptied.wallet);

    expect(await call<Wallet>(db, 'wallet_close', { wallet_id: emptied.wallet, reason: 'left' })).toMatchObject({
      status: 'closed',
    });
    await expectSound(db);
  });
});

describe('a freeze beside spends', () => {
  it('waits for a spend in progress, which is booked', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const [shop, operator] = [await db.connectAs('service', 'shop'), await db.connectAs('operator', 'eve')];
    await shop.query('begin');
    await call(shop, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() });

    const freezing = call<Wallet>(operator, 'wallet_freeze', { wallet_id, reason: 'why' });
    await waitsForLock(db, operator);
    await shop.query('commit');

    expect(await freezing).toMatchObject({ status: 'frozen' });
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '6' });
  });

  it.each([
    { end: 'commit', outcome: 'WLFRZ' },
    { end: 'rollback', outcome: 'receipt' },
  ])('makes one wait that comes later, and decides about it with its $end: $outcome', async ({ end, outcome }) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const [shop, operator] = [await db.connectAs('service', 'shop'), await db.connectAs('operator', 'eve')];
    await operator.query('begin');
    await call<Wallet>(operator, 'wallet_freeze', { wallet_id, reason: 'why' });

    const spending = call(shop, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() }).then(
      () => 'receipt',
      (error: unknown) => (error as { code: string }).code,
    );
    await waitsForLock(db, shop);
    await operator.query(end);

    expect(await spending).toBe(outcome);
  });

  it('separates concurrent calls: all before it are booked, none after it', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 1000 });
    const pool = db.jobPool(16);
    const operator = await db.connectAs('operator', 'eve');
    const spend = () =>
      call(pool, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }).then(
        () => 'receipt',
        (error: unknown) => (error as { code: string }).code,
      );

    const before = Array.from({ length: 60 }, spend);
    await Promise.race(before);
    const freezing = call<Wallet>(operator, 'wallet_freeze', { wallet_id, reason: 'why' });
    const outcomes = await Promise.all([...before, ...Array.from({ length: 60 }, spend)]);
    await freezing;

    expect(new Set(outcomes)).toEqual(new Set(['receipt', 'WLFRZ']));
    const { rows } = await db.query(
      `select count(*)::int as spends, bool_and(e.created_at < f.created_at) as before
       from ledger.entries e, ledger.wallet_events f
       where e.wallet_id = $1 and e.kind = 'spend' and f.wallet_id = $1 and f.kind = 'frozen'`,
      [wallet_id],
    );
    expect(rows).toEqual([{ spends: outcomes.filter((outcome) => outcome === 'receipt').length, before: true }]);
    await expectSound(db);
  });

  it('is one freeze with one event for concurrent calls', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const operators = await Promise.all(['a', 'b', 'c', 'd'].map((name) => db.connectAs('operator', name)));

    const wallets = await Promise.all(
      operators.map((operator, index) => call<Wallet>(operator, 'wallet_freeze', { wallet_id, reason: String(index) })),
    );

    expect(wallets).toEqual(Array(4).fill(wallets[0]));
    expect(await eventsOf(db, wallet_id)).toHaveLength(2);
    await expectSound(db);
  });

  it.each(['repeatable read', 'serializable'])(
    'fails at %s if the wallet has been frozen since (40001)',
    async (level) => {
      const wallet_id = await newWallet(db, await someAsset(db));
      const operator = await db.connectAs('operator', 'eve');
      await operator.query(`begin isolation level ${level}`);
      await operator.query('select from ledger.wallets limit 1');
      await freeze(wallet_id);

      expect(await refusal(call(operator, 'wallet_freeze', { wallet_id, reason: 'why' }))).toMatchObject({
        code: '40001',
      });
      await operator.query('rollback');
      expect(await eventsOf(db, wallet_id)).toHaveLength(2);
    },
  );
});
