import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  forceHead,
  MAX_BALANCE,
  newAsset,
  newKey,
  newWallet,
  postBatch,
  refusal,
  rowsOf,
  type Session,
  setStatus,
  someAsset,
  waitsForLock,
} from './helpers.ts';
import { Chance } from './prove/chance.ts';

const db = createDatabase();
const codeOf = (error: unknown): string => (error instanceof pg.DatabaseError ? (error.code ?? '') : String(error));

/** Counts the outcomes: a receipt, or the code of an error. */
async function outcomes(calls: Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const outcome of await Promise.all(calls.map((one) => one.then(() => 'receipt', codeOf))))
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

const newPair = async (asset: string): Promise<[string, string]> => [
  await newWallet(db, asset),
  await newWallet(db, asset),
];

describe('concurrent calls', () => {
  it('64 clients move random amounts between 8 wallets: no deadlock, constant sums, no negative balance', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(
      Array.from({ length: 8 }, () => newWallet(db, asset, { bought: 500, bonus: 50 })),
    );
    const pool = db.jobPool(64);
    const seed = Number(process.env.CONCURRENCY_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`CONCURRENCY_SEED=${seed}`);
    let posting = true;
    let reading = true;
    let snapshots = 0;
    const move = (chance: Chance): Promise<unknown> => {
      const [wallet_id, other] = [chance.pick(wallets), chance.pick(wallets)];
      const request = { amount: chance.int(1, 200), idem_key: newKey() };
      return chance.pick([
        () => call(pool, 'wallet_transfer', { from_wallet: wallet_id, to_wallet: other, ...request }),
        () => call(pool, 'wallet_transfer', { from_wallet: wallet_id, to_wallet: other, ...request }),
        () => call(pool, 'wallet_spend', { wallet_id, ...request }),
        () => call(pool, 'wallet_top_up', { wallet_id, ...request }),
        () => call(pool, 'wallet_bonus', { wallet_id, ...request }),
      ])();
    };
    const clients = Promise.all(
      Array.from({ length: 64 }, async (_, client) => {
        const chance = new Chance(seed + client);
        const seen: Record<string, number>[] = [];
        // Continues until the reader has had two snapshots.
        for (let turn = 0; turn < 15 || (reading && snapshots < 2); turn += 1)
          seen.push(await outcomes([move(chance)]));
        return seen;
      }),
    ).finally(() => {
      posting = false;
    });

    const reader = await db.connect();
    const read = async (): Promise<void> => {
      await reader.query('begin isolation level repeatable read read only');
      const {
        rows: [snapshot],
      } = await reader.query<{ difference: string; moved: string; booked: string; lowest: string }>(
        `select (select sum(debit) - sum(credit) from ledger.ledger_trial_balance($1)) as difference,
           (select sum(e.balance) from ledger.wallets w, lateral (
             select balance from ledger.entries where wallet_id = w.id order by seq desc limit 1) e
             where w.asset_code = $1) as booked,
           (select sum(case ledger.entries_side(e) when 'credit' then e.amount else -e.amount end)
              from ledger.entries e join ledger.wallets w on w.id = e.wallet_id
             where w.asset_code = $1) as moved,
           (select min(least(balance, bonus_balance, held_balance, balance - bonus_balance)) from ledger.entries) as lowest`,
        [asset],
      );
      await reader.query('commit');
      expect(snapshot).toMatchObject({ difference: '0', moved: snapshot?.booked, lowest: '0' });
    };
    try {
      for (; posting as boolean; snapshots += 1) {
        await read();
        await sleep(5);
      }
    } finally {
      reading = false;
    }
    const seen = new Set((await clients).flat().flatMap((counts) => Object.keys(counts)));

    expect([...seen].filter((outcome) => !['receipt', 'WLFND', 'WLSLF'].includes(outcome))).toEqual([]);
    expect(seen).toContain('receipt');
    expect(snapshots).toBeGreaterThan(1);
    await expectSound(db);
  });

  it('200 spends on a wallet with credits for 100: 100 receipts, 100 refusals (WLFND), and each balance once', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 700 });
    const pool = db.jobPool(200);

    const counts = await outcomes(
      Array.from({ length: 200 }, () => call(pool, 'wallet_spend', { wallet_id, amount: 7, idem_key: newKey() })),
    );

    expect(counts).toEqual({ receipt: 100, WLFND: 100 });
    const { rows } = await db.query<{ seq: string; balance: string }>(
      'select seq, balance from ledger.entries where wallet_id = $1 order by seq',
      [wallet_id],
    );
    expect(rows).toEqual(
      Array.from({ length: 101 }, (_, spent) => ({ seq: String(spent + 1), balance: String(700 - 7 * spent) })),
    );
    await expectSound(db);
  });

  it('64 calls with one key: one transfer, and 64 receipts that differ in replayed only', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 100 });
    const pool = db.jobPool(64);
    const request = { wallet_id, amount: 60, idem_key: newKey(), metadata: { order: 1 } };

    const receipts = await Promise.all(Array.from({ length: 64 }, () => call(pool, 'wallet_spend', request)));

    const same = receipts.map((receipt) => ({ ...receipt, replayed: null }));
    expect(same).toEqual(Array(64).fill(same[0]));
    expect(receipts.filter(({ replayed }) => replayed)).toHaveLength(63);
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 2, entries: 2 });
    await expectSound(db);
  });

  it('one key for 32 different requests: one receipt, the others are refused with the differing field (WLKEY)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const pool = db.jobPool(32);
    const idem_key = newKey();

    const counts = await outcomes(
      Array.from({ length: 32 }, (_, index) => call(pool, 'wallet_top_up', { wallet_id, amount: index + 1, idem_key })),
    );

    expect(counts).toEqual({ receipt: 1, WLKEY: 31 });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 1, entries: 1 });
  });

  it('transfers from A to B against transfers from B to A: no deadlock, and nothing is lost', async () => {
    const asset = await newAsset(db);
    const [a, b] = [await newWallet(db, asset, { bought: 500 }), await newWallet(db, asset, { bought: 500 })];
    const pool = db.jobPool(48);

    const counts = await outcomes(
      Array.from({ length: 400 }, (_, index) =>
        call(pool, 'wallet_transfer', {
          from_wallet: index % 2 ? a : b,
          to_wallet: index % 2 ? b : a,
          amount: 1 + (index % 3),
          idem_key: newKey(),
        }),
      ),
    );

    expect(counts).toEqual({ receipt: 400 });
    const balances = await Promise.all([a, b].map((wallet_id) => call(db, 'wallet_balance', { wallet_id })));
    expect(balances.reduce((sum, { balance }) => sum + Number(balance), 0)).toBe(1000);
    expect(balances.map(({ seq }) => seq)).toEqual(['401', '401']);
    await expectSound(db);
  });

  it('a ring of transfers among 5 wallets: no deadlock', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(Array.from({ length: 5 }, () => newWallet(db, asset, { bought: 500 })));
    const pool = db.jobPool(40);

    const counts = await outcomes(
      Array.from({ length: 300 }, (_, index) =>
        call(pool, 'wallet_transfer', {
          from_wallet: wallets[index % 5],
          to_wallet: wallets[(index + 1 + (index % 4)) % 5],
          amount: 1,
          idem_key: newKey(),
        }),
      ),
    );

    expect(counts).toEqual({ receipt: 300 });
    await expectSound(db);
  });

  it('no other wallet of the asset waits for a transaction that has moved 200, although house accounts take part in all', async () => {
    const asset = await newAsset(db);
    const owners = Array.from({ length: 200 }, (_, n) => `owner ${n} of ${asset}`);
    const many = await callAll<{ id: string }>(db, 'wallet_open_many', { owner_ids: owners, asset_code: asset });
    const [one, two] = await newPair(asset);
    const [blocker, job] = [await db.connectJob(), await db.connectJob()];
    const operator = await db.connectAs('operator', 'ops');
    await blocker.query('begin');
    for (const { id: wallet_id } of many)
      for (const name of ['wallet_top_up', 'wallet_bonus', 'wallet_spend'])
        await call(blocker, name, { wallet_id, amount: 2, idem_key: newKey() });
    for (const session of [job, operator]) await session.query("set lock_timeout = '10s'");
    const book = (name: string, args: object, session: Session = job) =>
      call(session, name, { wallet_id: one, idem_key: newKey(), ...args });

    await book('wallet_top_up', { amount: 100 });
    await book('wallet_bonus', { amount: 100 });
    const { transfer_id } = await book('wallet_spend', { amount: 10 });
    await book('wallet_reverse', { transfer_id }, operator);
    const { hold_id } = await book('wallet_hold', { amount: 10 });
    await book('wallet_capture', { hold_id, amount: 5 });
    await book('wallet_transfer', { wallet_id: undefined, from_wallet: one, to_wallet: two, amount: 10 });
    await postBatch(job, [
      { kind: 'top_up', wallet_id: two, amount: 1, idem_key: newKey() },
      { kind: 'transfer', wallet_id: two, counterparty_id: one, amount: 1, idem_key: newKey() },
    ]);
    expect(await callAll(job, 'ledger_seal', {})).not.toEqual([]);

    await blocker.query('commit');
    await expectSound(db);
  });

  it('neither replays nor refusals wait for other wallets of the asset', async () => {
    const asset = await newAsset(db);
    const [one, two] = await newPair(asset);
    for (const wallet_id of [one, two]) await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    const request = { wallet_id: two, amount: 4, idem_key: newKey() };
    const receipt = await call(db, 'wallet_spend', request);
    const [blocker, other] = [await db.connectJob(), await db.connectJob()];
    await blocker.query('begin');
    await call(blocker, 'wallet_spend', { wallet_id: one, amount: 1, idem_key: newKey() });
    await other.query("set lock_timeout = '10s'");
    const codeFor = async (asked: object) =>
      (await refusal(call(other, 'wallet_spend', { ...request, ...asked }))).code;

    expect(await call(other, 'wallet_spend', request)).toEqual({ ...receipt, replayed: true });
    expect(await codeFor({ amount: 5 })).toBe('WLKEY');
    expect(await codeFor({ amount: 7, idem_key: newKey() })).toBe('WLFND');
    // Calls for the same wallet do wait.
    await other.query("set lock_timeout = '200ms'");
    expect(await codeFor({ wallet_id: one, amount: 6, idem_key: newKey() })).toBe('55P03');
    await other.query("set lock_timeout = '10s'");
    await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend: 5 });
    expect(await codeFor({ amount: 6, idem_key: newKey() })).toBe('WLLIM');
    await setStatus(db, two, 'frozen');
    expect(await codeFor({ amount: 6, idem_key: newKey() })).toBe('WLFRZ');
    await blocker.query('rollback');
  });
});

describe('a duplicate', () => {
  it('waits for the first call and replays its booking', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const [first, second] = [await db.connectJob(), await db.connectJob()];
    const request = { wallet_id, amount: 5, idem_key: newKey() };
    await first.query('begin');
    const receipt = await call(first, 'wallet_top_up', request);

    const duplicate = call(second, 'wallet_top_up', request);
    await waitsForLock(db, second);
    await first.query('commit');

    expect(await duplicate).toEqual({ ...receipt, replayed: true });
  });

  it('is booked itself if the first call is rolled back', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const [first, second] = [await db.connectJob(), await db.connectJob()];
    const request = { wallet_id, amount: 5, idem_key: newKey() };
    await first.query('begin');
    await call(first, 'wallet_top_up', request);

    const duplicate = call(second, 'wallet_top_up', request);
    await waitsForLock(db, second);
    await first.query('rollback');

    expect(await duplicate).toMatchObject({ replayed: false, seq: '1', balance: '5' });
    expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 1, entries: 1 });
  });

  it('of a refused request is refused again, and booked once there is enough', async () => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const request = { wallet_id, amount: 5, idem_key: newKey() };
    expect(await refusal(call(db, 'wallet_spend', request))).toMatchObject({ code: 'WLFND' });
    expect(await refusal(call(db, 'wallet_spend', request))).toMatchObject({ code: 'WLFND' });
    await call(db, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey() });

    expect(await call(db, 'wallet_spend', request)).toMatchObject({ replayed: false, balance: '0' });
  });
});

describe.each(['repeatable read', 'serializable'])('a %s transaction', (level) => {
  /** Opens a session with a snapshot from now. */
  async function oldSnapshot(): Promise<pg.Client> {
    const session = await db.connectJob();
    await session.query(`begin isolation level ${level}`);
    await session.query('select count(*) from ledger.assets');
    return session;
  }

  it('books on a wallet that no other transaction has changed', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    const session = await oldSnapshot();

    const receipts = [
      await call(session, 'wallet_spend', { wallet_id, amount: 2, idem_key: newKey() }),
      await call(session, 'wallet_spend', { wallet_id, amount: 3, idem_key: newKey() }),
    ];
    expect(await refusal(call(session, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }))).toMatchObject({
      code: 'WLFND',
    });
    await session.query('rollback');

    expect(receipts).toMatchObject([
      { seq: '2', balance: '3' },
      { seq: '3', balance: '0' },
    ]);
    await expectSound(db);
  });

  it.each([
    { call: 'spend that there is still enough for', has: 100, other: 10, amount: 50 },
    { call: 'spend that there is no longer enough for', has: 100, other: 80, amount: 50 },
    { call: 'spend that there has never been enough for, but would be now', has: 10, other: -90, amount: 50 },
    { call: 'spend that there has never been enough for', has: 10, other: 5, amount: 50 },
  ])('learns that the wallet has moved on: $call (40001)', async ({ has, other, amount }) => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: has });
    const session = await oldSnapshot();
    await call(db, other > 0 ? 'wallet_spend' : 'wallet_top_up', {
      wallet_id,
      amount: Math.abs(other),
      idem_key: newKey(),
    });

    const refused = await refusal(call(session, 'wallet_spend', { wallet_id, amount, idem_key: newKey() }));

    await session.query('rollback');
    expect(refused.code).toBe('40001');
    await expectSound(db);
  });

  it('fails if the receiving wallet has new entries (40001)', async () => {
    const asset = await newAsset(db);
    const [from, to] = [await newWallet(db, asset, { bought: 10 }), await newWallet(db, asset, { bought: 10 })];
    const session = await oldSnapshot();
    await call(db, 'wallet_spend', { wallet_id: to, amount: 1, idem_key: newKey() });

    const refused = await refusal(
      call(session, 'wallet_transfer', { from_wallet: from, to_wallet: to, amount: 1, idem_key: newKey() }),
    );

    await session.query('rollback');
    expect(refused.code).toBe('40001');
  });

  it('books whatever others have booked for other wallets of the asset', async () => {
    const asset = await newAsset(db);
    const [one, two] = await newPair(asset);
    const session = await oldSnapshot();
    await call(db, 'wallet_top_up', { wallet_id: one, amount: 1, idem_key: newKey() });

    const receipt = await call(session, 'wallet_top_up', { wallet_id: two, amount: 1, idem_key: newKey() });

    await session.query('commit');
    expect(receipt).toMatchObject({ seq: '1', balance: '1', replayed: false });
    await expectSound(db);
  });

  it('fails if a key has been used since (40001), and its retry replays', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    const request = { wallet_id, amount: 5, idem_key: newKey() };
    const session = await oldSnapshot();
    const first = await call(db, 'wallet_top_up', request);

    const refused = await refusal(call(session, 'wallet_top_up', request));
    await session.query('rollback');

    expect(refused.code).toBe('40001');
    await session.query(`begin isolation level ${level}`);
    expect(await call(session, 'wallet_top_up', request)).toEqual({ ...first, replayed: true });
    await session.query('commit');
  });

  it('replays a key that its snapshot contains, whatever has been booked since', async () => {
    const wallet_id = await newWallet(db, await newAsset(db));
    const request = { wallet_id, amount: 5, idem_key: newKey() };
    const first = await call(db, 'wallet_top_up', request);
    const session = await oldSnapshot();
    await call(db, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

    const again = await call(session, 'wallet_top_up', request);

    await session.query('commit');
    expect(again).toEqual({ ...first, replayed: true });
  });

  it('fails if a wallet has been frozen since (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    const session = await oldSnapshot();
    await setStatus(db, wallet_id, 'frozen');

    const refused = await refusal(call(session, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }));

    await session.query('rollback');
    expect(refused.code).toBe('40001');
  });

  it.each([
    { refusal: 'WLFRZ', status: 'frozen' as const, which: 'acting' },
    { refusal: 'WLCLS', status: 'closed' as const, which: 'receiving' },
  ])('is not told $refusal for a key that was used meanwhile for something else (40001)', async ({ status, which }) => {
    const asset = await newAsset(db);
    const [from_wallet, first, to_wallet] = [
      await newWallet(db, asset, { bought: 5 }),
      await newWallet(db, asset),
      await newWallet(db, asset),
    ];
    const idem_key = newKey();
    await setStatus(db, which === 'acting' ? from_wallet : to_wallet, status);
    const session = await oldSnapshot();
    // A frozen wallet may receive credits; an open one may send them.
    await (which === 'acting'
      ? call(db, 'wallet_top_up', { wallet_id: from_wallet, amount: 1, idem_key })
      : call(db, 'wallet_transfer', { from_wallet, to_wallet: first, amount: 1, idem_key }));

    const refused = await refusal(call(session, 'wallet_transfer', { from_wallet, to_wallet, amount: 1, idem_key }));

    await session.query('rollback');
    expect(refused.code).toBe('40001');
    await expectSound(db);
  });

  it('books what a frozen wallet receives, and nothing else', async () => {
    const asset = await newAsset(db);
    const [from_wallet, frozen] = [
      await newWallet(db, asset, { bought: 5 }),
      await newWallet(db, asset, { bought: 5 }),
    ];
    await setStatus(db, frozen, 'frozen');
    const session = await oldSnapshot();

    const receipts = [
      await call(session, 'wallet_top_up', { wallet_id: frozen, amount: 2, idem_key: newKey() }),
      await call(session, 'wallet_transfer', { from_wallet, to_wallet: frozen, amount: 3, idem_key: newKey() }),
    ];
    await session.query('commit');

    expect(receipts).toMatchObject([
      { seq: '2', balance: '7' },
      { seq: '2', balance: '2' },
    ]);
    expect(await rowsOf(db, frozen)).toMatchObject({ entries: 3 });
    await expectSound(db);
  });

  it('fails instead of refusing a wallet that has been reopened since (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    await setStatus(db, wallet_id, 'frozen');
    const session = await oldSnapshot();
    await setStatus(db, wallet_id, 'open');

    const refused = await refusal(call(session, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() }));

    await session.query('rollback');
    expect(refused.code).toBe('40001');
  });

  it('fails if another open transaction was first, when that one commits (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const other = await db.connectJob();
    const session = await oldSnapshot();
    await other.query('begin');
    await call(other, 'wallet_spend', { wallet_id, amount: 8, idem_key: newKey() });

    const waiting = refusal(call(session, 'wallet_spend', { wallet_id, amount: 5, idem_key: newKey() }));
    await waitsForLock(db, session);
    await other.query('commit');

    expect((await waiting).code).toBe('40001');
    await session.query('rollback');
  });

  it('leaves nothing of a refusal caught by a savepoint (WLFND)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    const session = await oldSnapshot();
    await session.query('savepoint s');
    const refused = await refusal(call(session, 'wallet_spend', { wallet_id, amount: 6, idem_key: newKey() }));
    await session.query('rollback to savepoint s');
    await call(session, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() });
    await session.query('commit');

    expect(refused.code).toBe('WLFND');
    expect(await callAll(db, 'wallet_history', { wallet_id })).toMatchObject([
      { seq: '1' },
      { seq: '2', balance: '1' },
    ]);
    await expectSound(db);
  });
});

describe.each(['repeatable read', 'serializable'])('a limit in a %s transaction', (level) => {
  const other = createDatabase();

  it('is not judged if the wallet has new entries (40001)', async () => {
    const wallet_id = await newWallet(other, await newAsset(other));
    await forceHead(other, wallet_id, { balance: MAX_BALANCE });
    const session = await other.connectJob();
    await session.query(`begin isolation level ${level}`);
    await session.query('select count(*) from ledger.assets');
    await call(other, 'wallet_spend', { wallet_id, amount: 10, idem_key: newKey() });

    const refused = await refusal(call(session, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey() }));

    await session.query('rollback');
    expect(refused.code).toBe('40001');
  });

  it('is judged if nothing has changed (WLLIM)', async () => {
    const wallet_id = await newWallet(other, await newAsset(other));
    await forceHead(other, wallet_id, { balance: MAX_BALANCE });
    const before = await rowsOf(other, wallet_id);
    const session = await other.connectJob();
    await session.query(`begin isolation level ${level}`);

    const refused = await refusal(call(session, 'wallet_top_up', { wallet_id, amount: 5, idem_key: newKey() }));

    await session.query('rollback');
    expect(refused.code).toBe('WLLIM');
    expect(await rowsOf(other, wallet_id)).toEqual(before);
  });
});
