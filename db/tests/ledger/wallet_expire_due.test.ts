import {
  call,
  callAll,
  createDatabase,
  expectSound,
  houseWallet,
  inMs,
  newAsset,
  newKey,
  newWallet,
  passed,
  refusal,
  rowsOf,
  type Session,
  setStatus,
  someAsset,
} from '../helpers.ts';

const SOON_MS = 600;

const sweep = async (session: Session, max_wallets?: number): Promise<number> =>
  Number((await call<{ wallet_expire_due: string }>(session, 'wallet_expire_due', { max_wallets })).wallet_expire_due);

describe('wallet_expire_due', () => {
  const db = createDatabase();
  const grant = (wallet_id: string, amount: number, expires_at: string) =>
    call(db, 'wallet_bonus', { wallet_id, amount, idem_key: newKey(), expires_at });
  const hold = (wallet_id: string, amount: number, expires_at?: string) =>
    call(db, 'wallet_hold', { wallet_id, amount, idem_key: newKey(), expires_at });
  const kinds = async (wallet_id: string) =>
    (await callAll<{ kind: string }>(db, 'wallet_history', { wallet_id })).map(({ kind }) => kind);

  it('books nothing where nothing is due', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10, bonus: 5 });
    await grant(wallet_id, 5, await inMs(db, 3_600_000));
    await hold(wallet_id, 3, await inMs(db, 3_600_000));
    await hold(wallet_id, 3);
    const before = await rowsOf(db);

    expect(await sweep(db)).toBe(0);

    expect(await rowsOf(db)).toEqual(before);
  });

  it('books all that is due in a wallet with one entry, and says that it was the system', async () => {
    const asset = await newAsset(db);
    const wallet_id = await newWallet(db, asset, { bought: 1, bonus: 2 });
    const [early, late] = [await inMs(db, SOON_MS), await inMs(db, SOON_MS + 20)];
    await grant(wallet_id, 10, late);
    await grant(wallet_id, 20, early);
    await grant(wallet_id, 40, early);
    await grant(wallet_id, 80, await inMs(db, 3_600_000));
    await passed(db, late);

    expect(await sweep(await db.connectJob())).toBe(1);

    expect((await callAll<object>(db, 'wallet_history', { wallet_id })).slice(6)).toMatchObject([
      {
        kind: 'expiry',
        side: 'debit',
        amount: '70',
        bonus_amount: '70',
        held_amount: '0',
        balance: '83',
        bonus_balance: '82',
        counterparty: 'breakage',
        idem_key: null,
        actor: 'db:wallet_test_job',
        metadata: {},
      },
    ]);
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toMatchObject([
      { account: 'treasury', debit: '1' },
      { account: 'promotions', debit: '152' },
      { account: 'revenue', credit: '0' },
      { account: 'breakage', credit: '70' },
      { account: 'players', credit: '83' },
    ]);
    await expectSound(db);
  });

  it('is neither bought nor granted nor spent', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 5 });
    const expires_at = await inMs(db, SOON_MS);
    await grant(wallet_id, 10, expires_at);
    await passed(db, expires_at);

    await sweep(db);

    const { rows } = await db.query(
      'select kind, topped_up_total, granted_total, spent_total from ledger.entries where wallet_id = $1 order by seq desc limit 1',
      [wallet_id],
    );
    expect(rows).toEqual([{ kind: 'expiry', topped_up_total: '5', granted_total: '10', spent_total: '0' }]);
  });

  it('books to the stripe for batches, so that no single call waits for it', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(Array.from({ length: 5 }, () => newWallet(db, asset)));
    const expires_at = await inMs(db, SOON_MS);
    for (const wallet_id of wallets) await grant(wallet_id, 10, expires_at);
    await passed(db, expires_at);

    expect(await sweep(db)).toBe(5);

    const { rows } = await db.query('select balance from ledger.entries where wallet_id = $1 order by seq', [
      await houseWallet(db, asset, 'breakage', 32),
    ]);
    expect(rows).toEqual(['10', '20', '30', '40', '50'].map((balance) => ({ balance })));
    await expectSound(db);
  });

  it('takes wallets of several assets at once', async () => {
    const wallets = await Promise.all([1, 2, 3].map(async () => newWallet(db, await newAsset(db), { bought: 1 })));
    const expires_at = await inMs(db, SOON_MS);
    for (const wallet_id of wallets) await grant(wallet_id, 10, expires_at);
    await passed(db, expires_at);

    expect(await sweep(db)).toBe(3);

    for (const wallet_id of wallets) expect(await kinds(wallet_id)).toEqual(['top_up', 'bonus', 'expiry']);
    await expectSound(db);
  });

  it('frees due holds, the one that is due for longest first, and leaves the others', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const [early, late] = [await inMs(db, SOON_MS), await inMs(db, SOON_MS + 20)];
    const holds = [await hold(wallet_id, 1, late), await hold(wallet_id, 2, early), await hold(wallet_id, 4)];
    await passed(db, late);

    expect(await sweep(db)).toBe(1);

    const { rows } = await db.query(
      `select t.hold_id, t.idem_key, t.amount, e.held_balance from ledger.entries e join ledger.transfers t on t.id = e.transfer_id
       where e.wallet_id = $1 and e.kind = 'release' order by e.seq`,
      [wallet_id],
    );
    expect(rows).toEqual([
      { hold_id: holds[1]?.hold_id, idem_key: null, amount: '2', held_balance: '5' },
      { hold_id: holds[0]?.hold_id, idem_key: null, amount: '1', held_balance: '4' },
    ]);
    await expectSound(db);
  });

  it('books in a frozen wallet', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, SOON_MS);
    await grant(wallet_id, 5, expires_at);
    await hold(wallet_id, 8, expires_at);
    await setStatus(db, wallet_id, 'frozen');
    await passed(db, expires_at);

    expect(await sweep(db)).toBe(1);

    expect(await kinds(wallet_id)).toEqual(['top_up', 'bonus', 'hold', 'release', 'expiry']);
    await expectSound(db);
  });

  it('takes no more wallets than asked, those due for longest first, until it returns 0', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all(Array.from({ length: 5 }, () => newWallet(db, asset, { bought: 1 })));
    for (const wallet_id of wallets) {
      await grant(wallet_id, 10, await inMs(db, SOON_MS));
      await hold(wallet_id, 1, await inMs(db, SOON_MS));
    }
    await passed(db, await inMs(db, SOON_MS));

    const settled: number[] = [];
    const booked: number[] = [];
    for (let count = 1; count > 0;) {
      count = await sweep(db, 2);
      settled.push(count);
      const all = await Promise.all(wallets.map(kinds));
      booked.push(all.findIndex((list) => !list.includes('expiry')));
    }

    expect(settled).toEqual([2, 2, 1, 0]);
    expect(booked).toEqual([2, 4, -1, -1]);
    await expectSound(db);
  });

  it('goes on where many lots of one wallet are due, until it returns 0', async () => {
    const asset = await newAsset(db);
    const [one, other] = [await newWallet(db, asset, { bought: 1 }), await newWallet(db, asset, { bought: 1 })];
    const expires_at = await inMs(db, SOON_MS);
    for (let lot = 0; lot < 5; lot += 1) await grant(one, 10, expires_at);
    const last = await inMs(db, SOON_MS);
    await grant(other, 10, last);
    await passed(db, last);

    const settled: number[] = [];
    do settled.push(await sweep(db, 3));
    while (settled.at(-1) !== 0);

    expect(settled.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect([await kinds(one), await kinds(other)].map((list) => list.filter((kind) => kind === 'expiry'))).toEqual([
      ['expiry'],
      ['expiry'],
    ]);
    await expectSound(db);
  });

  it.each(['0', '-1', '100001', null])('refuses max_wallets %s (WLARG)', async (max_wallets) => {
    expect(await refusal(call(db, 'wallet_expire_due', { max_wallets }))).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'max_wallets' },
    });
  });

  it.each(['1', '100000'])('takes max_wallets %s', async (max_wallets) => {
    expect(await call<object>(db, 'wallet_expire_due', { max_wallets })).toEqual({ wallet_expire_due: '0' });
  });

  it.each(['player', 'service', 'operator', 'auditor'] as const)('is not for the role %s (42501)', async (role) => {
    expect(await refusal(call(await db.connectAs(role, 'somebody'), 'wallet_expire_due', {}))).toMatchObject({
      code: '42501',
    });
  });
});

describe('wallet_expire_due among 11,000 lots and holds that are closed', () => {
  const db = createDatabase();
  const WALLETS = 500;

  it('finds nothing in about a millisecond, from a few pages, and what falls due among them all the same', async () => {
    const asset = await newAsset(db);
    const { rows: wallets } = await db.query<{ id: string }>(
      `select w.id from generate_series(1, $2::int) n, ledger.wallet_open('closed-' || n, $1) w,
         ledger.wallet_top_up(w.id, 10, 'top-up')`,
      [asset, WALLETS],
    );
    const ids = wallets.map(({ id }) => id);
    // Each hold is due a second after it was placed.
    await db.query(
      `select count(r.seq) from unnest($1::uuid[]) id, generate_series(1, 2) n,
         ledger.wallet_hold(id, n, 'hold ' || n, clock_timestamp() + interval '1 second') r`,
      [ids],
    );
    const granting = async (first: number): Promise<string> => {
      const expires_at = await inMs(db, 500);
      await db.query(
        `select count(*) from ledger.wallet_post_batch(array(
           select row('bonus', id, null, 10, 'bonus ' || n, $2, '{}')::ledger.wallet_request
           from unnest($1::uuid[]) id, generate_series($3::int, $3::int + 9) n))`,
        [ids, expires_at, first],
      );
      return expires_at;
    };
    await granting(1);
    await passed(db, await granting(11));
    await passed(db, await inMs(db, 1_000));
    while ((await sweep(db)) > 0);
    const { rows: lists } = await db.query(
      `select (select count(*)::int from ledger.bonus_lots) as lots, (select count(*)::int from ledger.holds) as holds,
         (select count(*)::int from ledger_private.open_lots) as open_lots, (select count(*)::int from ledger_private.open_holds) as open_holds`,
    );
    expect(lists).toEqual([{ lots: 10_000, holds: 1_000, open_lots: 0, open_holds: 0 }]);

    interface Plan {
      'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number }; 'Execution Time': number }];
    }
    const plans: Plan['QUERY PLAN'][0][] = [];
    const session = await db.connectJob();
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const { rows } = await session.query<Plan>(
        'explain (analyze, buffers, timing off, format json) select ledger.wallet_expire_due()',
      );
      if (rows[0]) plans.push(rows[0]['QUERY PLAN'][0]);
    }

    expect(Math.min(...plans.map((plan) => plan['Execution Time']))).toBeLessThan(3);
    expect(
      Math.min(...plans.map(({ Plan: plan }) => plan['Shared Hit Blocks'] + plan['Shared Read Blocks'])),
    ).toBeLessThan(100);
    const due = await inMs(db, SOON_MS);
    const wallet_id = ids[77];
    await call(db, 'wallet_bonus', { wallet_id, amount: 3, idem_key: newKey(), expires_at: due });
    await passed(db, due);
    expect(await sweep(session)).toBe(1);
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '10', held_balance: '0' });
  }, 60_000);
});
