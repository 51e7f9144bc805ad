import {
  call,
  createDatabase,
  expectSound,
  newKey,
  newOwner,
  newWallet,
  refusal,
  rowsOf,
  someAsset,
} from '../helpers.ts';
import { empty, eventsOf, movableWallet, MOVEMENTS, STATUS_REFUSALS, type Wallet } from '../movements.ts';

const db = createDatabase();
const change = (to: 'freeze' | 'close' | 'reopen', wallet_id: string, reason = `${to} it`) =>
  call<Wallet>(db, `wallet_${to}`, { wallet_id, reason });

describe('wallet_reopen', () => {
  it.each([
    { state: 'frozen', by: 'freeze' },
    { state: 'closed', by: 'close' },
  ] as const)('opens a $state wallet, and leaves an event that says who did it and why', async ({ state, by }) => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner });
    await change(by, wallet_id);
    const operator = await db.connectAs('operator', 'eve');

    const wallet = await call<Wallet>(operator, 'wallet_reopen', { wallet_id, reason: 'All clear' });

    expect(wallet).toMatchObject({ id: wallet_id, owner_id: owner, status: 'open' });
    expect((await eventsOf(db, wallet_id)).slice(1)).toMatchObject([
      { seq: 2, kind: state, reason: `${by} it` },
      { seq: 3, kind: 'reopened', reason: 'All clear', actor: 'operator:eve' },
    ]);
    await expectSound(db);
  });

  it('leaves an open wallet unchanged, without an event', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));

    expect(await change('reopen', wallet_id)).toMatchObject({ id: wallet_id, status: 'open' });
    expect(await eventsOf(db, wallet_id)).toHaveLength(1);
  });

  it('is one reopening with one event for concurrent calls', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await change('freeze', wallet_id);
    const operators = await Promise.all(['a', 'b', 'c', 'd'].map((name) => db.connectAs('operator', name)));

    const wallets = await Promise.all(
      operators.map((operator) => call<Wallet>(operator, 'wallet_reopen', { wallet_id, reason: 'why' })),
    );

    expect(wallets).toEqual(Array(4).fill(wallets[0]));
    expect(await eventsOf(db, wallet_id)).toHaveLength(3);
  });

  it('adds an event for each change with numbers without gaps, with random freezes and reopenings', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const operators = await Promise.all(['a', 'b', 'c', 'd'].map((name) => db.connectAs('operator', name)));

    await Promise.all(
      operators.map(async (operator, index) => {
        for (let turn = 0; turn < 10; turn += 1)
          await call<Wallet>(operator, (turn + index) % 2 === 0 ? 'wallet_freeze' : 'wallet_reopen', {
            wallet_id,
            reason: 'why',
          });
      }),
    );

    const events = await eventsOf(db, wallet_id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.map(({ kind }) => kind)).toEqual(
      events.map((_, index) => (index === 0 ? 'opened' : index % 2 === 1 ? 'frozen' : 'reopened')),
    );
    await expectSound(db);
  });

  it.each(STATUS_REFUSALS)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const refused = await refusal(call(db, 'wallet_reopen', await arrange(db)));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
  });

  it('changes nothing if it is rolled back', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    await change('freeze', wallet_id);
    const operator = await db.connectAs('operator', 'eve');

    await operator.query('begin');
    await call<Wallet>(operator, 'wallet_reopen', { wallet_id, reason: 'why' });
    await operator.query('rollback');

    expect(await eventsOf(db, wallet_id)).toHaveLength(2);
    expect(await refusal(call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }))).toMatchObject({
      code: 'WLFRZ',
    });
  });
});

describe('a wallet that was frozen and reopened', () => {
  it.each(MOVEMENTS)('allows $what', async ({ book }) => {
    const movable = await movableWallet(db, await someAsset(db));
    await change('freeze', movable.wallet);
    await change('reopen', movable.wallet);
    const before = await rowsOf(db, movable.wallet);

    await book(await db.connectAs('operator', 'op'), movable);

    expect((await rowsOf(db, movable.wallet)).entries).toBe(before.entries + 1);
  });
});

describe('a wallet that was closed and reopened', () => {
  it('continues its history', async () => {
    const owner = newOwner();
    const asset_code = await someAsset(db);
    const movable = await movableWallet(db, asset_code, owner);
    const wallet_id = movable.wallet;
    await empty(db, movable);
    const { seq } = await call(db, 'wallet_balance', { wallet_id });
    await change('close', wallet_id);
    await change('reopen', wallet_id);

    expect(await call<Wallet>(db, 'wallet_open', { owner_id: owner, asset_code })).toMatchObject({
      id: wallet_id,
      status: 'open',
    });
    expect(
      await call(db, 'wallet_reverse', { wallet_id, transfer_id: movable.spent, idem_key: newKey() }),
    ).toMatchObject({ seq: String(Number(seq) + 1), balance: '10' });
    await expectSound(db);
  });
});
