/** Holds and expiries under concurrency, in parallel sessions, and in transactions with old snapshots. */
import pg from 'pg';
import { ageTo, bookSoon } from './aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  inMs,
  newAsset,
  newKey,
  newWallet,
  passed,
  refusal,
  rowsOf,
  setStatus,
  type Session,
  someAsset,
  waitsForLock,
} from './helpers.ts';

const db = createDatabase();
const codeOf = (error: unknown): string => (error instanceof pg.DatabaseError ? (error.code ?? '') : String(error));

/** Counts the outcomes: a receipt, or the code of an error. */
async function outcomes(calls: Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const outcome of await Promise.all(calls.map((one) => one.then(() => 'receipt', codeOf))))
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const balance = (wallet_id: string) => call<{ balance: string }>(db, 'wallet_balance', { wallet_id });
const hold = async (wallet_id: string, amount: number, expires_at?: string) =>
  (await call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey(), expires_at })).hold_id;
const grant = (wallet_id: string, amount: number, expires_at: string) =>
  call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
const sweep = async (session: Session, max_wallets?: number): Promise<number> =>
  Number((await call<{ wallet_expire_due: string }>(session, 'wallet_expire_due', { max_wallets })).wallet_expire_due);

/** The amounts of a wallet's expiries. */
const expired = async (wallet_id: string): Promise<string[]> =>
  (await callAll<{ kind: string; amount: string }>(db, 'wallet_history', { wallet_id }))
    .filter(({ kind }) => kind === 'expiry')
    .map(({ amount }) => amount);

describe('a hold', () => {
  it('is captured exactly once by two concurrent captures (WLHLD)', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const hold_id = await hold(wallet_id, 8);
    const [first, second] = [await db.connectJob(), await db.connectJob()];
    await first.query('begin');
    await call(first, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 5 });

    const waiting = refusal(call(second, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() }));
    await waitsForLock(db, second);
    await first.query('commit');

    expect(await waiting).toMatchObject({ code: 'WLHLD', detail: { status: 'captured' } });
    expect(await balance(wallet_id)).toMatchObject({ balance: '5', held_balance: '0' });
    await expectSound(db);
  });

  it('is captured by the second capture if the first is rolled back', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const hold_id = await hold(wallet_id, 8);
    const [first, second] = [await db.connectJob(), await db.connectJob()];
    await first.query('begin');
    await call(first, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 5 });

    const waiting = call(second, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() });
    await waitsForLock(db, second);
    await first.query('rollback');

    expect(await waiting).toMatchObject({ balance: '2', held_balance: '0', replayed: false });
    await expectSound(db);
  });

  it.each([
    { first: 'wallet_capture', second: 'wallet_release', status: 'captured', left: '2' },
    { first: 'wallet_release', second: 'wallet_capture', status: 'released', left: '10' },
  ])('ends by $first, and $second waits and is told so (WLHLD)', async ({ first, second, status, left }) => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const hold_id = await hold(wallet_id, 8);
    const [one, two] = [await db.connectJob(), await db.connectJob()];
    await one.query('begin');
    await call(one, first, { wallet_id, hold_id, idem_key: newKey() });

    const waiting = refusal(call(two, second, { wallet_id, hold_id, idem_key: newKey() }));
    await waitsForLock(db, two);
    await one.query('commit');

    expect(await waiting).toMatchObject({ code: 'WLHLD', detail: { status } });
    expect(await balance(wallet_id)).toMatchObject({ balance: left, held_balance: '0', available: left });
    await expectSound(db);
  });

  it('ends once with 20 concurrent captures and releases: one receipt, 19 refusals (WLHLD)', async () => {
    // Not expired when another test moves the ledger into the past.
    const expires_at = '2999-01-01';
    const pool = db.jobPool(20);
    for (let round = 0; round < 5; round += 1) {
      const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 3 });
      await grant(wallet_id, 4, expires_at);
      const hold_id = await hold(wallet_id, 12);

      const counts = await outcomes(
        times(20, (index) =>
          call(pool, index % 2 ? 'wallet_capture' : 'wallet_release', { wallet_id, hold_id, idem_key: newKey() }),
        ),
      );

      expect(counts).toEqual({ receipt: 1, WLHLD: 19 });
      expect(await rowsOf(db, wallet_id)).toEqual({ transfers: 5, entries: 5 });
      const { balance: left } = await balance(wallet_id);
      expect(['5', '17']).toContain(left);
      expect(await balance(wallet_id)).toMatchObject({ held_balance: '0', available: left });
    }
    await expectSound(db);
  });

  it('is captured once by 20 calls with one key: one transfer, 20 receipts', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const request = { wallet_id, hold_id: await hold(wallet_id, 8), idem_key: newKey() };
    const pool = db.jobPool(20);

    const receipts = await Promise.all(times(20, () => call(pool, 'wallet_capture', request)));

    const same = receipts.map((receipt) => ({ ...receipt, replayed: null }));
    expect(same).toEqual(Array(20).fill(same[0]));
    expect(receipts.filter(({ replayed }) => replayed)).toHaveLength(19);
    expect(await balance(wallet_id)).toMatchObject({ balance: '2' });
  });

  it('and a spend of the last credits: the first call gets them, the other is refused (WLFND)', async () => {
    const pool = db.jobPool(20);
    for (let round = 0; round < 5; round += 1) {
      const wallet_id = await newWallet(db, await someAsset(db), { bought: 50, bonus: 20 });

      const counts = await outcomes(
        times(20, (index) =>
          call(pool, index % 2 ? 'wallet_hold' : 'wallet_spend', { wallet_id, amount: 7, idem_key: newKey() }),
        ),
      );

      expect(counts).toEqual({ receipt: 10, WLFND: 10 });
      expect(await balance(wallet_id)).toMatchObject({ available: '0' });
    }
    await expectSound(db);
  });

  it('is not captured if its wallet is frozen first (WLFRZ), but released', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const hold_id = await hold(wallet_id, 8);
    const [operator, job] = [await db.connectAs('operator', 'op'), await db.connectJob()];
    await operator.query('begin');
    await call(operator, 'wallet_freeze', { wallet_id, reason: 'for a test' });

    const waiting = refusal(call(job, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey() }));
    await waitsForLock(db, job);
    await operator.query('commit');

    expect(await waiting).toMatchObject({ code: 'WLFRZ' });
    expect(await call(job, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() })).toMatchObject({
      available: '10',
    });
    await expectSound(db);
  });
});

describe('expiring credits and holds', () => {
  it('are spent or expire, never both: 20 spends against sweeps while lots expire', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(times(4, () => newWallet(db, asset, { bought: 100 })));
    const first = await inMs(db, 3_600_000);
    const ends = [await inMs(db, 3_600_300), await inMs(db, 3_600_350), await inMs(db, 3_600_400)] as const;
    await Promise.all(wallets.flatMap((wallet_id) => ends.map((end) => grant(wallet_id, 60, end))));
    await Promise.all(wallets.map((wallet_id) => hold(wallet_id, 30, ends[1])));
    const pool = db.jobPool(20);
    const codes = new Set<string>();
    const last = (await ageTo(db, first, ...ends))[3];
    // Each client continues for ten rounds after the last expiry.
    let ended = 0;

    await Promise.all([
      // The clients must run during the expiries, which therefore cannot be moved into the past.
      passed(db, last).finally(() => {
        ended = 1;
      }),
      ...times(16, async (index) => {
        for (let after = 0; after < 10; after += ended) {
          const request = { wallet_id: wallets[index % 4], amount: 1 + (index % 3), idem_key: newKey() };
          for (const code of Object.keys(await outcomes([call(pool, 'wallet_spend', request)]))) codes.add(code);
        }
      }),
      ...times(3, async () => {
        for (let after = 0; after < 10; after += ended) await sweep(pool);
      }),
    ]);
    // A refusal reaches its client before its transaction has released the wallet's lock, and the sweep would skip the wallet.
    await db.query('select from ledger.wallets where id = any ($1) order by id for no key update', [wallets]);
    await sweep(db);

    expect([...codes].filter((code) => !['receipt', 'WLFND'].includes(code))).toEqual([]);
    for (const wallet_id of wallets) {
      expect(await balance(wallet_id)).toMatchObject({ bonus_balance: '0', held_balance: '0' });
      const lines = await callAll<{ kind: string; bonus_amount: string }>(db, 'wallet_history', { wallet_id });
      const taken = lines.filter(({ kind }) => kind === 'expiry' || kind === 'spend');
      expect(taken.reduce((sum, { bonus_amount }) => sum + Number(bonus_amount), 0)).toBe(180);
    }
    await expectSound(db);
  });

  it('are booked once by many concurrent sweeps, and each wallet is counted by one of them', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(times(30, () => newWallet(db, asset, { bought: 1 })));
    const expires_at = await inMs(db, 3_600_000);
    await Promise.all(wallets.map((wallet_id) => grant(wallet_id, 5, expires_at)));
    await ageTo(db, expires_at);
    const pool = db.jobPool(8);

    const settled = await Promise.all(times(8, () => sweep(pool)));

    expect(settled.reduce((sum, count) => sum + count, 0)).toBe(30);
    expect(await Promise.all(wallets.map(expired))).toEqual(Array(30).fill(['5']));
    await expectSound(db);
  });

  it('are left to a call in progress on the wallet: the sweep skips it, and books it afterwards', async () => {
    const asset = await newAsset(db);
    const [busy, idle] = [await newWallet(db, asset, { bought: 1 }), await newWallet(db, asset, { bought: 1 })];
    const expires_at = await inMs(db, 3_600_000);
    for (const wallet_id of [busy, idle]) await grant(wallet_id, 5, expires_at);
    await ageTo(db, expires_at);
    const [other, job] = [await db.connect(), await db.connectJob()];
    await other.query('begin');
    await other.query('select from ledger.wallets where id = $1 for no key update', [busy]);
    await job.query("set lock_timeout = '10s'");

    expect(await sweep(job)).toBe(1);
    expect([await expired(busy), await expired(idle)]).toEqual([[], ['5']]);
    expect(await sweep(job)).toBe(0);

    await other.query('rollback');
    expect(await sweep(job)).toBe(1);
    expect(await expired(busy)).toEqual(['5']);
    await expectSound(db);
  });

  it('do not make calls wait for an uncommitted sweep of other wallets', async () => {
    const asset = await newAsset(db);
    const [one, two] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 5 })];
    const hold_id = await hold(two, 5);
    const expires_at = await inMs(db, 3_600_000);
    await grant(one, 5, expires_at);
    await ageTo(db, expires_at);
    const [sweeper, job] = [await db.connectJob(), await db.connectJob()];
    await sweeper.query('begin');
    expect(await sweep(sweeper)).toBe(1);
    // Expires only now, and is booked by the call.
    const soon = await bookSoon(db, (expires_at) => grant(two, 5, expires_at));
    // The sweep has locked rows that would have to be moved into the past.
    await passed(db, soon);
    await job.query("set lock_timeout = '10s'");

    const receipt = await call(job, 'wallet_capture', { wallet_id: two, hold_id, idem_key: newKey() });
    await sweeper.query('commit');

    expect(receipt).toMatchObject({ balance: '0' });
    expect(await expired(two)).toEqual(['5']);
    await expectSound(db);
  });

  it('are booked once by two calls on one wallet', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await grant(wallet_id, 5, expires_at);
    await hold(wallet_id, 9, expires_at);
    await ageTo(db, expires_at);
    const [first, second] = [await db.connectJob(), await db.connectJob()];
    await first.query('begin');
    await call(first, 'wallet_spend', { wallet_id, amount: 1, idem_key: newKey() });

    const waiting = call(second, 'wallet_spend', { wallet_id, amount: 9, idem_key: newKey() });
    await waitsForLock(db, second);
    await first.query('commit');

    expect(await waiting).toMatchObject({ balance: '0', seq: '7' });
    expect(await expired(wallet_id)).toEqual(['5']);
    await expectSound(db);
  });
});

describe.each(['repeatable read', 'serializable'])('with holds, a %s transaction', (level) => {
  /** Opens a session with a snapshot from now. */
  async function oldSnapshot(): Promise<pg.Client> {
    const session = await db.connectJob();
    await session.query(`begin isolation level ${level}`);
    await session.query('select count(*) from ledger.assets');
    return session;
  }

  async function refusedWith(session: pg.Client, answer: Promise<unknown>): Promise<string> {
    const { code } = await refusal(answer);
    await session.query('rollback');
    return code;
  }

  it('places and captures holds on a wallet that no other transaction changes, and is refused as usual (WLFND, WLHLD)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5, bonus: 5 });
    const session = await oldSnapshot();

    const { hold_id } = await call(session, 'wallet_hold', { wallet_id, amount: 8, idem_key: newKey() });
    await session.query('savepoint s');
    const funds = await refusal(call(session, 'wallet_hold', { wallet_id, amount: 3, idem_key: newKey() }));
    await session.query('rollback to savepoint s');
    const receipt = await call(session, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 6 });
    await session.query('savepoint s');
    const twice = await refusal(call(session, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() }));
    await session.query('rollback to savepoint s');
    await session.query('commit');

    expect([funds.code, twice.code]).toEqual(['WLFND', 'WLHLD']);
    expect(receipt).toMatchObject({ seq: '4', balance: '4', bonus_amount: '5', available: '4' });
  });

  it('books expiries', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    const soon = await inMs(db, 3_600_000);
    const expires_at = await inMs(db, 3_600_100);
    await grant(wallet_id, 5, expires_at);
    await hold(wallet_id, 8, expires_at);
    const [, due] = await ageTo(db, soon, expires_at);
    const session = await oldSnapshot();
    // Moving rows into the past would change them after the snapshot.
    await passed(db, due);

    const receipt = await call(session, 'wallet_hold', { wallet_id, amount: 5, idem_key: newKey() });
    await session.query('commit');

    expect(receipt).toMatchObject({ seq: '6', balance: '5', held_balance: '5' });
    expect(await expired(wallet_id)).toEqual(['5']);
  });

  it.each([
    { what: 'for which there is still enough', amount: 3 },
    { what: 'for which there is no longer enough', amount: 8 },
    { what: 'for which there was not enough, but would be now', amount: 15 },
  ])('learns that the wallet has moved on: a hold $what (40001)', async ({ amount }) => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const session = await oldSnapshot();
    if (amount > 10) await call(db, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
    else await hold(wallet_id, 5);

    const request = { wallet_id, amount, idem_key: newKey() };
    expect(await refusedWith(session, call(session, 'wallet_hold', request))).toBe('40001');
  });

  it.each(['wallet_capture', 'wallet_release'])('fails if a hold has been captured since: %s (40001)', async (name) => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const hold_id = await hold(wallet_id, 8);
    const session = await oldSnapshot();
    await call(db, 'wallet_capture', { wallet_id, hold_id, idem_key: newKey(), amount: 1 });

    const request = { wallet_id, hold_id, idem_key: newKey() };
    expect(await refusedWith(session, call(session, name, request))).toBe('40001');
  });

  it('fails if a hold of which it wants too much is no longer open (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const hold_id = await hold(wallet_id, 8);
    const session = await oldSnapshot();
    await call(db, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });

    const request = { wallet_id, hold_id, idem_key: newKey(), amount: 9 };
    expect(await refusedWith(session, call(session, 'wallet_capture', request))).toBe('40001');
  });

  it('fails instead of refusing a hold that has been placed since (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const session = await oldSnapshot();
    const hold_id = await hold(wallet_id, 8);

    const request = { wallet_id, hold_id, idem_key: newKey() };
    expect(await refusedWith(session, call(session, 'wallet_capture', request))).toBe('40001');
  });

  it('refuses an unknown hold if nothing has changed (WLNOH)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const session = await oldSnapshot();

    const request = { wallet_id, hold_id: wallet_id, idem_key: newKey() };
    expect(await refusedWith(session, call(session, 'wallet_capture', request))).toBe('WLNOH');
  });

  it('fails instead of refusing a closed hold, or a past expiry, for a key that has been used since (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const closed = await hold(wallet_id, 8);
    await call(db, 'wallet_release', { wallet_id, hold_id: closed, idem_key: newKey() });
    const sessions = [await oldSnapshot(), await oldSnapshot(), await oldSnapshot()] as const;
    const fields = { wallet_id, amount: 1 };
    const bonus = { ...fields, idem_key: newKey(), expires_at: '' };
    const placed = { ...fields, idem_key: newKey(), expires_at: '' };
    bonus.expires_at = await bookSoon(db, (expires_at) => call(db, 'wallet_bonus', { ...bonus, expires_at }));
    placed.expires_at = await bookSoon(db, (expires_at) => call(db, 'wallet_hold', { ...placed, expires_at }));
    // Moving rows into the past would change them after the snapshots.
    for (const { expires_at } of [bonus, placed]) await passed(db, expires_at);

    expect([
      await refusedWith(sessions[0], call(sessions[0], 'wallet_bonus', bonus)),
      await refusedWith(sessions[1], call(sessions[1], 'wallet_hold', placed)),
      await refusedWith(
        sessions[2],
        call(sessions[2], 'wallet_capture', { wallet_id, hold_id: closed, idem_key: placed.idem_key }),
      ),
    ]).toEqual(['40001', '40001', '40001']);
    expect(await call(db, 'wallet_bonus', bonus)).toMatchObject({ replayed: true });
  });

  it('fails if its expiries have been booked since (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const soon = await inMs(db, 3_600_000);
    const expires_at = await inMs(db, 3_600_100);
    await grant(wallet_id, 5, expires_at);
    await hold(wallet_id, 7, expires_at);
    const [, due] = await ageTo(db, soon, expires_at);
    const session = await oldSnapshot();
    // Moving rows into the past would change them after the snapshot.
    await passed(db, due);
    await sweep(db);

    const request = { wallet_id, amount: 1, idem_key: newKey() };
    expect(await refusedWith(session, call(session, 'wallet_spend', request))).toBe('40001');
    expect(await expired(wallet_id)).toEqual(['5']);
  });

  it('releases in a wallet that has been frozen since, or fails (40001)', async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 10 });
    const hold_id = await hold(wallet_id, 8);
    const session = await oldSnapshot();
    await setStatus(db, wallet_id, 'frozen');

    const request = { wallet_id, hold_id, idem_key: newKey() };
    expect(await refusedWith(session, call(session, 'wallet_release', request))).toBe('40001');
  });

  it('leaves the ledger sound', async () => {
    await expectSound(db);
  });
});
