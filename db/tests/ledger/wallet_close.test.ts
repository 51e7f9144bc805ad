import { ageTo } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  newAsset,
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
const close = (wallet_id: string) => call<Wallet>(db, 'wallet_close', { wallet_id, reason: 'left' });
const kindsOf = async (wallet: string) =>
  (
    await db.query<{ kind: string }>('select kind from ledger.entries where wallet_id = $1 order by seq', [wallet])
  ).rows.map(({ kind }) => kind);

describe('wallet_close', () => {
  it('closes an empty wallet, with an event that has the actor and the reason', async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner });
    const operator = await db.connectAs('operator', 'eve');

    const wallet = await call<Wallet>(operator, 'wallet_close', { wallet_id, reason: 'Asked for it' });

    expect(wallet).toMatchObject({ id: wallet_id, owner_id: owner, status: 'closed' });
    expect((await eventsOf(db, wallet_id)).slice(1)).toEqual([
      { seq: 2, kind: 'closed', reason: 'Asked for it', actor: 'operator:eve' },
    ]);
    await expectSound(db);
  });

  it('closes a wallet that was emptied, and a frozen one', async () => {
    const movable = await movableWallet(db, await someAsset(db));
    await empty(db, movable);
    await call<Wallet>(db, 'wallet_freeze', { wallet_id: movable.wallet, reason: 'why' });

    expect(await close(movable.wallet)).toMatchObject({ status: 'closed' });
    expect(await eventsOf(db, movable.wallet)).toMatchObject([{}, { kind: 'frozen' }, { seq: 3, kind: 'closed' }]);
    await expectSound(db);
  });

  it('leaves a closed wallet unchanged, without a second event', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const first = await close(wallet_id);

    expect(await call<Wallet>(db, 'wallet_close', { wallet_id, reason: 'again' })).toEqual(first);
    expect(await eventsOf(db, wallet_id)).toHaveLength(2);
  });

  it('books expiries first, so that expired credits do not prevent the closing', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset);
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await call(db, 'wallet_bonus', { wallet_id, amount: 6, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);

    expect(await close(wallet_id)).toMatchObject({ status: 'closed' });

    expect(await kindsOf(wallet_id)).toEqual(['bonus', 'bonus', 'expiry']);
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ account: 'breakage', credit: '11' }),
        expect.objectContaining({ account: 'players', credit: '0' }),
      ]),
    );
    await expectSound(db);
  });

  it('releases an expired hold first, and books its expired credits', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id, amount: 4, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);

    expect(await close(wallet_id)).toMatchObject({ status: 'closed' });

    expect(await kindsOf(wallet_id)).toEqual(['bonus', 'hold', 'release', 'expiry']);
    await expectSound(db);
  });

  it.each(STATUS_REFUSALS)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const refused = await refusal(call(db, 'wallet_close', await arrange(db)));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
  });

  it.each([
    { what: 'a single credit', has: { bought: 1 }, held: 0, detail: { balance: '1', held_balance: '0' } },
    { what: 'bonus credits', has: { bonus: 3 }, held: 0, detail: { balance: '3', held_balance: '0' } },
    { what: 'reserved credits', has: { bought: 3 }, held: 3, detail: { balance: '3', held_balance: '3' } },
  ])('refuses a wallet with $what in it (WLARG)', async ({ has, held, detail }) => {
    const wallet_id = await newWallet(db, await someAsset(db), has);
    if (held > 0) await call(db, 'wallet_hold', { wallet_id, amount: held, idem_key: newKey() });

    const refused = await refusal(close(wallet_id));

    expect(refused).toMatchObject({ code: 'WLARG', detail: { argument: 'wallet_id', wallet_id, ...detail } });
    expect(refused.hint).not.toBe('');
    expect(await eventsOf(db, wallet_id)).toHaveLength(1);
  });

  it('books nothing if it refuses, not even expiries (WLARG)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 1 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await ageTo(db, expires_at);

    expect(await refusal(close(wallet_id))).toMatchObject({ code: 'WLARG', detail: { balance: '1' } });
    expect(await kindsOf(wallet_id)).toEqual(['top_up', 'bonus']);
  });

  it('refuses a wallet with a hold of expired credits (WLARG)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    await call(db, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() });
    await ageTo(db, expires_at);

    expect(await refusal(close(wallet_id))).toMatchObject({
      code: 'WLARG',
      detail: { balance: '5', held_balance: '5' },
    });
  });
});

describe('a closed wallet', () => {
  let movable: Movable;
  beforeEach(async () => {
    movable = await movableWallet(db, await someAsset(db));
    await empty(db, movable);
    await close(movable.wallet);
  });

  it.each(MOVEMENTS)('refuses $what (WLCLS)', async ({ book }) => {
    const before = await rowsOf(db);

    const refused = await refusal(book(await db.connectAs('operator', 'op'), movable));

    expect(refused).toMatchObject({ code: 'WLCLS', detail: { wallet_id: movable.wallet } });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it('cannot be opened by its owner (WLCLS)', async () => {
    const owner = newOwner();
    const asset_code = await someAsset(db);
    const wallet_id = await newWallet(db, asset_code, { owner });
    await close(wallet_id);

    expect(await refusal(call(db, 'wallet_open', { owner_id: owner, asset_code }))).toMatchObject({
      code: 'WLCLS',
      detail: { wallet_id },
    });
    expect(await eventsOf(db, wallet_id)).toHaveLength(2);
  });

  it('has nothing that could expire', async () => {
    const { rows } = await db.query(
      `select from ledger_private.open_holds where wallet_id = $1 union all select from ledger_private.open_lots where wallet_id = $1`,
      [movable.wallet],
    );

    expect(rows).toEqual([]);
  });

  it('still has its balance and history, and replays its bookings', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const [bought, spent] = [
      { wallet_id, amount: 4, idem_key: newKey() },
      { wallet_id, amount: 4, idem_key: newKey() },
    ];
    const receipts = [await call(db, 'wallet_top_up', bought), await call(db, 'wallet_spend', spent)];
    await close(wallet_id);

    expect([await call(db, 'wallet_top_up', bought), await call(db, 'wallet_spend', spent)]).toEqual(
      receipts.map((receipt) => ({ ...receipt, replayed: true })),
    );
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '0', seq: '2' });
    expect(await callAll(db, 'wallet_history', { wallet_id })).toHaveLength(2);
  });
});

describe('a closing beside top-ups', () => {
  it('waits for a top-up in progress, and is then refused (WLARG)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const [shop, operator] = [await db.connectAs('service', 'shop'), await db.connectAs('operator', 'eve')];
    await shop.query('begin');
    await call(shop, 'wallet_top_up', { wallet_id, amount: 4, idem_key: newKey() });

    const closing = refusal(call(operator, 'wallet_close', { wallet_id, reason: 'why' }));
    await waitsForLock(db, operator);
    await shop.query('commit');

    expect(await closing).toMatchObject({ code: 'WLARG', detail: { balance: '4' } });
  });

  it('makes a later top-up wait, which is then refused (WLCLS)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const [shop, operator] = [await db.connectAs('service', 'shop'), await db.connectAs('operator', 'eve')];
    await operator.query('begin');
    await call<Wallet>(operator, 'wallet_close', { wallet_id, reason: 'why' });

    const buying = refusal(call(shop, 'wallet_top_up', { wallet_id, amount: 4, idem_key: newKey() }));
    await waitsForLock(db, shop);
    await operator.query('commit');

    expect(await buying).toMatchObject({ code: 'WLCLS' });
  });

  it('leaves either a closed and empty wallet or an open one with credits, in many races', async () => {
    const asset = await someAsset(db);
    const pool = db.jobPool(8);
    const operator = await db.connectAs('operator', 'eve');
    const seen = new Set<string>();
    for (let race = 0; race < 40; race += 1) {
      const wallet_id = await newWallet(db, asset);
      const outcomeOf = (promise: Promise<unknown>) =>
        promise.then(
          () => 'done',
          (error: unknown) => (error as { code: string }).code,
        );
      const buy = () => outcomeOf(call(pool, 'wallet_top_up', { wallet_id, amount: 1, idem_key: newKey() }));
      const shut = () => outcomeOf(call(operator, 'wallet_close', { wallet_id, reason: 'why' }));

      const [first, second] = await Promise.all(race % 2 === 0 ? [buy(), shut()] : [shut(), buy()]);

      seen.add(race % 2 === 0 ? `${first} ${second}` : `${second} ${first}`);
    }

    // The outcomes of the top-up and of the closing.
    expect([...seen].filter((pair) => !['done WLARG', 'WLCLS done'].includes(pair))).toEqual([]);
    const { rows } = await db.query(
      `select w.id from ledger.wallets w join ledger.entries e on e.wallet_id = w.id
       where w.status = 'closed' and e.balance > 0 and not exists (select from ledger.entries n where n.wallet_id = w.id and n.seq > e.seq)`,
    );
    expect(rows).toEqual([]);
    await expectSound(db);
  });

  it.each(['repeatable read', 'serializable'])(
    'fails at %s if the wallet is no longer empty (40001)',
    async (level) => {
      const wallet_id = await newWallet(db, await someAsset(db));
      const operator = await db.connectAs('operator', 'eve');
      await operator.query(`begin isolation level ${level}`);
      await operator.query('select from ledger.wallets limit 1');
      await call(db, 'wallet_top_up', { wallet_id, amount: 4, idem_key: newKey() });

      expect(await refusal(call(operator, 'wallet_close', { wallet_id, reason: 'why' }))).toMatchObject({
        code: '40001',
      });
      await operator.query('rollback');
      expect(await eventsOf(db, wallet_id)).toHaveLength(1);
    },
  );

  it.each(['repeatable read', 'serializable'])(
    'fails at %s if the wallet has become empty (40001), and its retry closes it',
    async (level) => {
      const wallet_id = await newWallet(db, await someAsset(db), { bought: 4 });
      const operator = await db.connectAs('operator', 'eve');
      await operator.query(`begin isolation level ${level}`);
      await operator.query('select from ledger.wallets limit 1');
      await call(db, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() });

      expect(await refusal(call(operator, 'wallet_close', { wallet_id, reason: 'why' }))).toMatchObject({
        code: '40001',
      });
      await operator.query('rollback');
      await operator.query(`begin isolation level ${level}`);
      expect(await call<Wallet>(operator, 'wallet_close', { wallet_id, reason: 'why' })).toMatchObject({
        status: 'closed',
      });
      await operator.query('commit');
      await expectSound(db);
    },
  );
});
