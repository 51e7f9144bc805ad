import type pg from 'pg';
import { ageTo } from './aged.ts';
import {
  call,
  createDatabase,
  expectSound,
  inMs,
  newAsset,
  newKey,
  newOwner,
  newWallet,
  type Receipt,
  refusal,
  rowsOf,
  someAsset,
} from './helpers.ts';

const db = createDatabase();

beforeAll(async () => {
  await db.query('create table public.granted_items (owner_id text, item text, transfer_id uuid)');
  await db.query('grant select, insert on public.granted_items to wallet_test_job');
});

/** The functions, and what their calls need before. */
const requests: Record<string, (asset: string) => Promise<Record<string, unknown>>> = {
  asset_create: () => Promise.resolve({ code: newKey().slice(0, 20), name: 'n' }),
  asset_set: (asset) => Promise.resolve({ asset_code: asset, unique_reference: 'payment' }),
  asset_limit_set: (asset) => Promise.resolve({ asset_code: asset, max_spend: 1000 }),
  wallet_limit_set: async (asset) => ({ wallet_id: await newWallet(db, asset), max_spend: 1000 }),
  transfer_redact: async (asset) => {
    const wallet_id = await newWallet(db, asset);
    const { transfer_id } = await call(db, 'wallet_top_up', { ...booking(wallet_id), metadata: { name: 'x' } });
    return { transfer_id, reason: 'why' };
  },
  wallet_open: (asset) => Promise.resolve({ owner_id: newOwner(), asset_code: asset }),
  wallet_top_up: async (asset) => booking(await newWallet(db, asset)),
  wallet_bonus: async (asset) => ({ ...booking(await newWallet(db, asset)), expires_at: '2999-12-31' }),
  wallet_spend: async (asset) => booking(await withLot(asset)),
  wallet_transfer: async (asset) => ({
    from_wallet: await withLot(asset),
    to_wallet: await newWallet(db, asset),
    amount: 4,
    idem_key: newKey(),
  }),
  wallet_hold: async (asset) => booking(await withLot(asset)),
  wallet_capture: (asset) => held(asset),
  wallet_release: (asset) => held(asset),
  wallet_reverse: async (asset) => {
    const wallet_id = await withLot(asset);
    const { transfer_id } = await call(db, 'wallet_spend', booking(wallet_id));
    return { wallet_id, transfer_id, idem_key: newKey() };
  },
  wallet_merge: async (asset) => ({
    from_wallet: await withLot(asset),
    to_wallet: await newWallet(db, asset),
    idem_key: newKey(),
    reason: 'why',
  }),
  wallet_freeze: async (asset) => ({ wallet_id: await newWallet(db, asset), reason: 'why' }),
  wallet_close: async (asset) => ({ wallet_id: await withDue(asset), reason: 'why' }),
  wallet_reopen: async (asset) => {
    const wallet_id = await newWallet(db, asset);
    await call<object>(db, 'wallet_close', { wallet_id, reason: 'why' });
    return { wallet_id, reason: 'why' };
  },
  wallet_expire_due: async (asset) => {
    await withDue(asset);
    return {};
  },
};
const booking = (wallet_id: string) => ({ wallet_id, amount: 4, idem_key: newKey() });
/** A wallet of ten paid credits and a lot of three. */
async function withLot(asset: string): Promise<string> {
  const wallet_id = await newWallet(db, asset, { bought: 10 });
  await call(db, 'wallet_bonus', { wallet_id, amount: 3, idem_key: newKey(), expires_at: '2999-12-31' });
  return wallet_id;
}
/** A wallet with an expired lot and an expired hold on it, not booked yet. */
async function withDue(asset: string): Promise<string> {
  const wallet_id = await newWallet(db, asset);
  const expires_at = await inMs(db, 3_600_000);
  await call(db, 'wallet_bonus', { ...booking(wallet_id), expires_at });
  await call(db, 'wallet_hold', { wallet_id, amount: 2, idem_key: newKey(), expires_at });
  await ageTo(db, expires_at);
  return wallet_id;
}
async function held(asset: string): Promise<Record<string, unknown>> {
  const wallet_id = await withLot(asset);
  const { hold_id } = await call(db, 'wallet_hold', booking(wallet_id));
  return { wallet_id, hold_id, idem_key: newKey() };
}

describe("a job's own transaction", () => {
  /** Sells an item: the job's row and the ledger's go together. */
  async function sell(job: pg.Client, owner: string, wallet_id: string, amount: number): Promise<Receipt> {
    await job.query("insert into public.granted_items (owner_id, item) values ($1, 'sword')", [owner]);
    return call(job, 'wallet_spend', { wallet_id, amount, idem_key: newKey(), metadata: { item: 'sword' } });
  }
  const itemsOf = async (owner: string) =>
    (await db.query('select from public.granted_items where owner_id = $1', [owner])).rowCount;

  it("commits its own rows and the ledger's together", async () => {
    const owner = newOwner();
    const wallet = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    const job = await db.connectJob();

    await job.query('begin');
    await sell(job, owner, wallet, 4);
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 1, entries: 1 });
    await job.query('commit');

    expect(await itemsOf(owner)).toBe(1);
    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '6' });
    await expectSound(db);
  });

  it('rolls both back together', async () => {
    const owner = newOwner();
    const wallet = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    const job = await db.connectJob();

    await job.query('begin');
    await sell(job, owner, wallet, 4);
    await job.query('rollback');

    expect(await itemsOf(owner)).toBe(0);
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 1, entries: 1 });
    await expectSound(db);
  });

  it('loses its own rows with an uncaught refusal (WLFND)', async () => {
    const owner = newOwner();
    const wallet = await newWallet(db, await someAsset(db), { owner, bought: 1 });
    const job = await db.connectJob();

    await job.query('begin');
    expect(await refusal(sell(job, owner, wallet, 4))).toMatchObject({ code: 'WLFND' });
    expect(await refusal(job.query('select 1'))).toMatchObject({ code: '25P02' });
    await job.query('commit');

    expect(await itemsOf(owner)).toBe(0);
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 1, entries: 1 });
  });

  it('continues after a refusal inside a savepoint, with the same key too (WLFND)', async () => {
    const owner = newOwner();
    const wallet = await newWallet(db, await someAsset(db), { owner, bought: 1 });
    const job = await db.connectJob();
    const spend = { wallet_id: wallet, amount: 4, idem_key: newKey() };

    await job.query('begin');
    await job.query("insert into public.granted_items (owner_id, item) values ($1, 'sword')", [owner]);
    await job.query('savepoint sale');
    expect(await refusal(call(job, 'wallet_spend', spend))).toMatchObject({ code: 'WLFND' });
    await job.query('rollback to savepoint sale');
    await call(job, 'wallet_top_up', { wallet_id: wallet, amount: 5, idem_key: newKey() });
    const receipt = await call(job, 'wallet_spend', spend);
    await job.query('commit');

    expect(receipt).toMatchObject({ replayed: false, seq: '3', balance: '2' });
    expect(await itemsOf(owner)).toBe(1);
    await expectSound(db);
  });

  it('continues if PL/pgSQL catches the refusal by its SQLSTATE', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 1 });
    const job = await db.connectJob();

    await job.query(`do $$
      begin
        perform ledger.wallet_spend('${wallet}', 4, 'too-much');
      exception when sqlstate 'WLFND' then
        perform ledger.wallet_spend('${wallet}', 1, 'enough');
      end $$`);

    expect(await call(db, 'wallet_balance', { wallet_id: wallet })).toMatchObject({ balance: '0', seq: '2' });
  });

  it('replays a key of its own before its commit', async () => {
    const wallet = await newWallet(db, await someAsset(db));
    const job = await db.connectJob();
    const request = { wallet_id: wallet, amount: 4, idem_key: newKey() };

    await job.query('begin');
    const first = await call(job, 'wallet_top_up', request);
    await call(job, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    const again = await call(job, 'wallet_top_up', request);
    expect(await refusal(call(job, 'wallet_top_up', { ...request, amount: 5 }))).toMatchObject({ code: 'WLKEY' });
    await job.query('rollback');

    expect(again).toEqual({ ...first, replayed: true });
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 0, entries: 0 });
  });

  it('books in many wallets with one statement', async () => {
    const asset = await newAsset(db);
    const wallets = await Promise.all([1, 2, 3].map(() => newWallet(db, asset)));
    const job = await db.connectJob();

    await job.query("select ledger.wallet_bonus(id, 5, 'login-bonus-day-1') from unnest($1::uuid[]) id order by id", [
      wallets,
    ]);
    await job.query("select ledger.wallet_bonus(id, 5, 'login-bonus-day-1') from unnest($1::uuid[]) id order by id", [
      wallets,
    ]);

    const balances = await Promise.all(wallets.map((wallet_id) => call(db, 'wallet_balance', { wallet_id })));
    expect(balances).toMatchObject(Array(3).fill({ balance: '5', seq: '1' }));
    await expectSound(db);
  });

  it('may have rows with a foreign key to the wallet, and does not deadlock with another such job', async () => {
    await db.query('create table public.orders (wallet_id uuid references ledger.wallets (id), note text)');
    await db.query('grant insert on public.orders to wallet_test_job');
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const jobs = [await db.connectJob(), await db.connectJob()];
    for (const job of jobs) {
      await job.query('begin');
      await job.query('insert into public.orders (wallet_id) values ($1)', [wallet]);
    }

    const receipts = jobs.map(async (job) => {
      const receipt = await call(job, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
      await job.query('commit');
      return receipt.balance;
    });

    expect((await Promise.all(receipts)).sort()).toEqual(['8', '9']);
    await expectSound(db);
  });

  it('holds, grants and captures in one transaction, and leaves no hold after a rollback', async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 6, bonus: 4 });
    const job = await db.connectJob();
    const sellReserved = async () => {
      await job.query('begin');
      const { hold_id } = await call(job, 'wallet_hold', { wallet_id, amount: 8, idem_key: newKey() });
      await job.query("insert into public.granted_items (owner_id, item) values ($1, 'sword')", [owner]);
      return call(job, 'wallet_capture', { wallet_id, hold_id, amount: 5, idem_key: newKey() });
    };

    await sellReserved();
    await job.query('rollback');
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ balance: '10', available: '10', seq: '2' });
    expect(await itemsOf(owner)).toBe(0);
    const receipt = await sellReserved();
    await job.query('commit');

    expect(receipt).toMatchObject({ balance: '5', bonus_balance: '0', held_balance: '0', available: '5', seq: '4' });
    expect(await itemsOf(owner)).toBe(1);
    await expectSound(db);
  });

  it('keeps a hold of an earlier transaction if the capture fails (WLFND)', async () => {
    const owner = newOwner();
    const wallet_id = await newWallet(db, await someAsset(db), { owner, bought: 10 });
    const job = await db.connectJob();
    const { hold_id } = await call(job, 'wallet_hold', { wallet_id, amount: 8, idem_key: newKey() });

    await job.query('begin');
    await job.query("insert into public.granted_items (owner_id, item) values ($1, 'sword')", [owner]);
    expect(
      await refusal(call(job, 'wallet_capture', { wallet_id, hold_id, amount: 9, idem_key: newKey() })),
    ).toMatchObject({ code: 'WLFND' });
    await job.query('rollback');
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ held_balance: '8', available: '2' });
    await call(job, 'wallet_release', { wallet_id, hold_id, idem_key: newKey() });

    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({ held_balance: '0', available: '10' });
    expect(await itemsOf(owner)).toBe(0);
    await expectSound(db);
  });

  it('rolls back an expiry that it booked, and books it again', async () => {
    const wallet_id = await newWallet(db, await someAsset(db), { bought: 10 });
    const expires_at = await inMs(db, 3_600_000);
    await call(db, 'wallet_bonus', { wallet_id, amount: 5, idem_key: newKey(), expires_at });
    const job = await db.connectJob();
    await ageTo(db, expires_at);

    await job.query('begin');
    expect(await call(job, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() })).toMatchObject({ seq: '4' });
    await job.query('rollback');

    expect(await call(job, 'wallet_spend', { wallet_id, amount: 4, idem_key: newKey() })).toMatchObject({
      seq: '4',
      balance: '6',
    });
    await expectSound(db);
  });

  describe('finds the tables protected again (42501)', () => {
    it.each(Object.entries(requests))('after %s, and after a replay of it', async (name, arrange) => {
      const request = await arrange(await newAsset(db));
      const admin = await db.connect();
      await admin.query('begin');

      for (const attempt of ['first', 'repeated']) {
        await call(admin, name, request);
        for (const table of ['ledger.entries', 'ledger_private.open_holds', 'ledger_private.open_lots']) {
          await admin.query('savepoint forgery');
          const refused = await refusal(admin.query(`insert into ${table} select * from ${table} limit 0`));
          await admin.query('rollback to savepoint forgery');
          expect([attempt, table, refused.code]).toEqual([attempt, table, '42501']);
        }
      }
      await admin.query('rollback');
    });

    it('after wallet_post_batch, and after a replay of it', async () => {
      const asset = await newAsset(db);
      const [wallet, friend] = [await withLot(asset), await newWallet(db, asset)];
      const admin = await db.connect();
      await admin.query('begin');

      for (const attempt of ['first', 'repeated']) {
        await admin.query(
          `select from ledger.wallet_post_batch(array[
             ledger.request('bonus', $1::uuid, null, 4, 'batch 1', '2999-12-31', '{}'),
             ledger.request('transfer', $1::uuid, $2::uuid, 5, 'batch 2', null, '{}')])`,
          [wallet, friend],
        );
        await admin.query('savepoint forgery');
        const refused = await refusal(
          admin.query('insert into ledger.bonus_lots select * from ledger.bonus_lots limit 0'),
        );
        await admin.query('rollback to savepoint forgery');
        expect([attempt, refused.code]).toEqual([attempt, '42501']);
      }
      await admin.query('rollback');
    });
  });
});

describe("the owner's rights", () => {
  /** A function with the name of a built-in one that records the role of its caller. */
  const TRAP = `
    create schema trap;
    create table trap.sprung (role text);
    create function trap.set_config(text, text, boolean) returns text language plpgsql as $$
      begin
        insert into trap.sprung values (current_user);
        return pg_catalog.set_config($1, $2, $3);
      end $$;
    grant usage on schema trap to public;
    grant insert on trap.sprung to public;
    set local search_path = trap, pg_catalog`;

  it.each([
    ...Object.entries(requests),
    ...['wallet_post_batch', 'wallet_post_each'].map(
      (name) =>
        [
          name,
          async (asset: string) => ({ requests: `{"(top_up,${await newWallet(db, asset)},,4,key,,,,,,,,,)"}` }),
        ] as const,
    ),
  ])('are not lent by %s to what its caller put before the built-in functions', async (name, arrange) => {
    const request = await arrange(await newAsset(db));
    const admin = await db.connect();
    await admin.query('begin');
    await admin.query(TRAP);

    await call(admin, name, request);

    expect((await admin.query('select role from trap.sprung')).rows).toEqual([]);
    await admin.query("select set_config('the.trap', 'springs', true)");
    expect((await admin.query('select role from trap.sprung')).rowCount).toBe(1);
    await admin.query('rollback');
  });
});

describe('the three ways over SQL', () => {
  /** A hold that is partly captured, one that is released, and the answers to a second end. */
  async function reserve(session: pg.Client, wallet_id: string): Promise<unknown[]> {
    const first = await call(session, 'wallet_hold', { wallet_id, amount: 3, idem_key: 'h1' });
    const second = await call(session, 'wallet_hold', { wallet_id, amount: 1, idem_key: 'h2' });
    return [
      first,
      await call(session, 'wallet_capture', { wallet_id, hold_id: first.hold_id, amount: 2, idem_key: 'c' }),
      await call(session, 'wallet_release', { wallet_id, hold_id: second.hold_id, idem_key: 'r' }),
      await refusal(call(session, 'wallet_release', { wallet_id, hold_id: first.hold_id, idem_key: 'r1' })),
    ];
  }

  it('give receipts with the same columns and the same refusals', async () => {
    const asset = await newAsset(db);
    const sessions = {
      job: await db.connectJob(),
      superuser: await db.connect(),
      gateway: await db.connectAs('service', 'shop'),
    };
    const answers: unknown[] = [];

    for (const session of Object.values(sessions)) {
      const wallet = await newWallet(db, asset);
      const friend = await newWallet(db, asset);
      const steps = [
        await call(session, 'wallet_top_up', { wallet_id: wallet, amount: 10, idem_key: 't', metadata: { a: 1 } }),
        await call(session, 'wallet_bonus', { wallet_id: wallet, amount: 5, idem_key: 'b' }),
        await call(session, 'wallet_spend', { wallet_id: wallet, amount: 7, idem_key: 's' }),
        await call(session, 'wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 3, idem_key: 'x' }),
        await call(session, 'wallet_top_up', { wallet_id: wallet, amount: 10, idem_key: 't', metadata: { a: 1 } }),
        ...(await reserve(session, wallet)),
        await refusal(call(session, 'wallet_spend', { wallet_id: wallet, amount: 99, idem_key: 'f' })),
        await refusal(call(session, 'wallet_spend', { wallet_id: wallet, amount: 0, idem_key: 'f' })),
        await refusal(
          call(session, 'wallet_top_up', { wallet_id: wallet, amount: 11, idem_key: 't', metadata: { a: 1 } }),
        ),
      ];
      answers.push(
        JSON.parse(
          JSON.stringify(steps, (key, value: unknown) => {
            if (key === 'created_at') return typeof value;
            return typeof value === 'string'
              ? value.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'an id')
              : value;
          }),
        ),
      );
    }

    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(answers[0]).toMatchObject([
      { balance: '10' },
      { balance: '15' },
      { balance: '8' },
      { balance: '5' },
      { balance: '10', replayed: true },
      { balance: '5', held_balance: '3' },
      { balance: '3', held_balance: '1' },
      { balance: '3', held_balance: '0' },
      { code: 'WLHLD', detail: { status: 'captured' } },
      { code: 'WLFND' },
      { code: 'WLAMT' },
      { code: 'WLKEY' },
    ]);
    await expectSound(db);
  });
});

describe('the actor of a booking', () => {
  async function actorOf(session: pg.Client): Promise<unknown> {
    const wallet = await newWallet(db, await someAsset(db));
    const { transfer_id } = await call(session, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    const {
      rows: [transfer],
    } = await db.query<{ actor: string }>('select actor from ledger.transfers where id = $1', [transfer_id]);
    return transfer?.actor;
  }
  const claim = async (session: pg.Client) => {
    await session.query("set jwt.claims.sub = 'mallory'");
    await session.query("set jwt.claims.role = 'wallet_operator'");
  };

  it("is the token's role and subject over the gateway", async () => {
    expect(await actorOf(await db.connectAs('service', 'shop'))).toBe('service:shop');
    expect(await actorOf(await db.connectAs('operator', 'eve'))).toBe('operator:eve');
  });

  it('is the login of a SQL job, whatever it claims', async () => {
    const job = await db.connectJob();
    await claim(job);

    expect(await actorOf(job)).toBe('db:wallet_test_job');
  });

  it('is the login of a superuser, whatever it claims and whichever role it sets', async () => {
    const admin = await db.connect();
    const {
      rows: [login],
    } = await admin.query<{ name: string }>('select session_user as name');
    await claim(admin);

    expect(await actorOf(admin)).toBe(`db:${login?.name ?? ''}`);
    await admin.query('set role wallet_service');
    expect(await actorOf(admin)).toBe(`db:${login?.name ?? ''}`);
    await admin.query('set role wallet_gateway');
    await admin.query('set role wallet_operator');
    expect(await actorOf(admin)).toBe(`db:${login?.name ?? ''}`);
  });

  it("cannot be changed by functions that shadow the ledger's own", async () => {
    const job = await db.connectJob();
    await db.query(`grant temporary on database ${db.name} to wallet_test_job`);
    await job.query('create temp table pg_settings (name text)');
    await job.query(
      "create function pg_temp.current_setting(text, boolean) returns text language sql as 'select ''mallory'''",
    );
    await job.query(
      "create function pg_temp.replace(text, text, text) returns text language sql as 'select ''operator'''",
    );
    await job.query('set search_path = pg_temp, pg_catalog');

    expect(await actorOf(job)).toBe('db:wallet_test_job');
  });

  it('is also recorded in events', async () => {
    const admin = await db.connect();
    await claim(admin);
    const {
      rows: [login],
    } = await admin.query<{ name: string }>('select session_user as name');

    const { id } = await call<{ id: string }>(admin, 'wallet_open', {
      owner_id: newOwner(),
      asset_code: await someAsset(db),
    });

    const { rows } = await db.query('select actor from ledger.wallet_events where wallet_id = $1', [id]);
    expect(rows).toEqual([{ actor: `db:${login?.name ?? ''}` }]);
  });
});
