import pg from 'pg';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type GatewayRole,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type Session,
} from '../helpers.ts';
import { seal, sealAll } from '../seals.ts';

interface Row {
  asset_code: string;
  account: string;
  debit: string;
  credit: string;
}

const db = createDatabase();
const trialBalance = (asset_code?: string | null, session: Session = db) =>
  callAll<Row>(session, 'ledger_trial_balance', { asset_code });

/** The expected sums, computed from all entries of the wallets and not from the totals of blocks. */
const EXPECTED = `with sides as (
    select w.asset_code, e.debit as account, e.amount from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where e.actor is not null
    union all
    select w.asset_code, e.credit, -e.amount from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where e.actor is not null
  )
  select account::text, sum(amount)::text as amount from sides where asset_code = $1 and account <> 'player' group by account
    having sum(amount) <> 0
  union all
  select 'players', (-sum(h.balance))::text from ledger.wallets w cross join lateral (
    select e.balance from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1) h where w.asset_code = $1
  order by 1`;
const FOUND = `select account, (debit - credit)::text as amount from ledger.ledger_trial_balance($1) where debit <> credit order by 1`;

/** Compares with the sum of all entries, in one snapshot. */
async function expectRight(session: pg.Client, asset: string): Promise<void> {
  await session.query('begin isolation level repeatable read');
  const { rows: expected } = await session.query(EXPECTED, [asset]);
  const { rows: found } = await session.query(FOUND, [asset]);
  await session.query('commit');
  expect(found).toEqual(expected);
}

describe('ledger_trial_balance', () => {
  it('sums each account of an asset on the side of its balance', async () => {
    const asset = await newAsset(db);
    for (let player = 0; player < 5; player += 1) {
      const wallet = await newWallet(db, asset, { bought: 100, bonus: 10 });
      await call(db, 'wallet_spend', { wallet_id: wallet, amount: 30, idem_key: newKey() });
    }

    expect(await trialBalance(asset)).toEqual([
      { asset_code: asset, account: 'treasury', debit: '500', credit: '0' },
      { asset_code: asset, account: 'promotions', debit: '50', credit: '0' },
      { asset_code: asset, account: 'revenue', debit: '0', credit: '150' },
      { asset_code: asset, account: 'breakage', debit: '0', credit: '0' },
      { asset_code: asset, account: 'players', debit: '0', credit: '400' },
    ]);
  });

  it('lists an asset without movements, with zeros', async () => {
    const asset = await newAsset(db);

    expect((await trialBalance(asset)).map(({ account }) => account)).toEqual([
      'treasury',
      'promotions',
      'revenue',
      'breakage',
    ]);
    expect((await trialBalance(asset)).every(({ debit, credit }) => debit === '0' && credit === '0')).toBe(true);
  });

  it('lists all assets if none is named, and none for an unknown one', async () => {
    const [one, two] = [await newAsset(db), await newAsset(db)];

    const assets = (await trialBalance()).map((row) => row.asset_code);

    expect(assets).toEqual(expect.arrayContaining([one, two]));
    expect(await trialBalance(null)).toEqual(await trialBalance());
    expect(await trialBalance('no-such-asset')).toEqual([]);
  });

  it('has equal sums of debits and credits while others post', async () => {
    const asset = await newAsset(db);
    const pool = db.jobPool(8);
    const wallets = await Promise.all([1, 2, 3, 4].map(() => newWallet(db, asset, { bought: 1000 })));
    let posting = true;
    const clients = wallets.map(async (wallet_id, index) => {
      for (let turn = 0; turn < 40; turn += 1) {
        await call(pool, 'wallet_spend', { wallet_id, amount: turn + 1, idem_key: newKey() });
        await call(pool, 'wallet_transfer', {
          from_wallet: wallet_id,
          to_wallet: wallets[(index + 1) % 4],
          amount: 1,
          idem_key: newKey(),
        });
      }
    });
    const finished = Promise.all(clients).finally(() => {
      posting = false;
    });

    const differences: bigint[] = [];
    while (posting as boolean) {
      const rows = await trialBalance(asset);
      differences.push(rows.reduce((sum, { debit, credit }) => sum + BigInt(debit) - BigInt(credit), 0n));
    }
    await finished;

    expect(differences.length).toBeGreaterThan(1);
    expect(new Set(differences)).toEqual(new Set([0n]));
  });

  it('is the same before a block, after one, and after later bookings, and omits no account', async () => {
    const asset = await newAsset(db);
    const session = await db.connect();
    const wallet = await newWallet(db, asset, { bought: 100, bonus: 10 });
    const friend = await newWallet(db, asset);
    const book = async () => {
      const spent = await call(db, 'wallet_spend', { wallet_id: wallet, amount: 7, idem_key: newKey() });
      await call(db, 'wallet_reverse', {
        wallet_id: wallet,
        transfer_id: spent.transfer_id,
        amount: 2,
        idem_key: newKey(),
      });
      await call(db, 'wallet_transfer', { from_wallet: wallet, to_wallet: friend, amount: 3, idem_key: newKey() });
      const { hold_id } = await call(db, 'wallet_hold', { wallet_id: wallet, amount: 4, idem_key: newKey() });
      await expectRight(session, asset);
      await call(db, 'wallet_capture', { wallet_id: wallet, hold_id, amount: 1, idem_key: newKey() });
      await expectRight(session, asset);
    };

    for (let blocks = 0; blocks < 4; blocks += 1) {
      await book();
      const before = await trialBalance(asset);
      expect(await seal(db)).toHaveLength(1);
      expect(await trialBalance(asset)).toEqual(before);
      await expectRight(session, asset);
      expect(await seal(db)).toEqual([]);
    }
    await book();

    expect(await trialBalance(asset)).toEqual([
      { asset_code: asset, account: 'treasury', debit: '100', credit: '0' },
      { asset_code: asset, account: 'promotions', debit: '10', credit: '0' },
      { asset_code: asset, account: 'revenue', debit: '0', credit: '30' },
      { asset_code: asset, account: 'breakage', debit: '0', credit: '0' },
      { asset_code: asset, account: 'players', debit: '0', credit: '80' },
    ]);
    await expectSound(db);
  });

  it('has the uncommitted bookings of its own transaction, before a block and after one', async () => {
    const asset = await newAsset(db);
    const wallet = await newWallet(db, asset, { bought: 100 });
    const session = await db.connect();
    const treasury = async () =>
      (await trialBalance(asset, session)).find(({ account }) => account === 'treasury')?.debit;
    await session.query('begin');
    await call(session, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    expect(await treasury()).toBe('101');
    // Others commit: their transactions are later than this one.
    await newWallet(db, asset, { bought: 10 });
    await seal(session);
    expect(await treasury()).toBe('111');
    await call(session, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    expect(await treasury()).toBe('112');
    await session.query('commit');
    expect(await treasury()).toBe('112');
    await sealAll(db);

    expect(await treasury()).toBe('112');
    await expectSound(db);
  });

  it.each([
    { what: 'nobody seals', sealers: 0, open: [] },
    { what: 'one seals', sealers: 1, open: [] },
    { what: 'two seal', sealers: 2, open: [] },
    { what: 'two seal and a transaction is open in this database', sealers: 2, open: ['here'] },
    { what: 'two seal and a transaction is open in another database', sealers: 2, open: ['elsewhere'] },
    { what: 'nobody seals and transactions are open in both', sealers: 0, open: ['here', 'elsewhere'] },
  ])('is right at any moment under load while $what', async ({ sealers, open }) => {
    const asset = await newAsset(db);
    const pool = db.jobPool(6);
    const reader = await db.connect();
    const wallets = await Promise.all([1, 2, 3, 4].map(() => newWallet(db, asset, { bought: 1000, bonus: 50 })));
    const url = new URL(db.url);
    url.pathname = '/postgres';
    const here = await db.connect();
    const elsewhere = new pg.Client({ connectionString: url.href });
    await elsewhere.connect();
    let late = '';
    try {
      if (open.includes('here')) {
        // An uncommitted booking, which others cannot see.
        late = await newWallet(db, asset);
        await here.query('begin');
        await call(here, 'wallet_top_up', { wallet_id: late, amount: 5, idem_key: newKey() });
      }
      if (open.includes('elsewhere')) await elsewhere.query('begin; select pg_current_xact_id()');
      let posting = wallets.length;
      let looks = 0;
      const post = async (wallet_id: string, place: number) => {
        // Continues until the reader has looked several times.
        for (let turn = 0; turn < 25 || looks < 5; turn += 1) {
          await call(pool, 'wallet_top_up', { wallet_id, amount: 10, idem_key: newKey() });
          const { transfer_id } = await call(pool, 'wallet_spend', {
            wallet_id,
            amount: (turn % 9) + 1,
            idem_key: newKey(),
          });
          await call(pool, 'wallet_transfer', {
            ...{ from_wallet: wallet_id, to_wallet: wallets[(place + 1) % 4], amount: 1, idem_key: newKey() },
          });
          if (turn % 3 === 0)
            await call(db, 'wallet_reverse', { wallet_id, transfer_id, amount: 1, idem_key: newKey() });
        }
      };
      let blocks = 0;
      const close = async () => {
        while (posting > 0) blocks += (await seal(pool)).length;
      };
      const look = async () => {
        for (; posting > 0; looks += 1) await expectRight(reader, asset);
      };
      await Promise.all([
        // A wrong result ends the test.
        look().catch((error: unknown) => {
          looks = 5;
          throw error;
        }),
        ...Array.from({ length: sealers }, close),
        ...wallets.map((wallet, place) =>
          post(wallet, place).finally(() => {
            posting -= 1;
          }),
        ),
      ]);

      expect(blocks > 0).toBe(sealers > 0);
      await expectRight(reader, asset);
      if (late !== '') {
        await here.query('commit');
        await expectRight(reader, asset);
      }
      await sealAll(db);
      await expectRight(reader, asset);
      await expectSound(db);
    } finally {
      await elsewhere.end();
    }
  });

  it('is correct again after a block that failed, and one whose session was terminated in the middle', async () => {
    const asset = await newAsset(db);
    const reader = await db.connect();
    const wallet = await newWallet(db, asset, { bought: 100 });
    const failing = await db.connect();
    await failing.query('begin');
    await seal(failing);
    await expectRight(reader, asset);
    await failing.query('rollback');
    await expectRight(reader, asset);
    const killed = await db.connect();
    await killed.query('begin');
    await seal(killed);
    await db.query('select pg_terminate_backend($1)', [(killed as pg.Client & { processID: number }).processID]);
    await expect(killed.query('commit')).rejects.toThrow();
    await expectRight(reader, asset);
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    await sealAll(db);

    await expectRight(reader, asset);
    await expectSound(db);
  });

  it('is for operators and auditors, and for no other role of the gateway (42501)', async () => {
    const asset = await newAsset(db);
    await newWallet(db, asset, { bought: 3 });
    await sealAll(db);
    await newWallet(db, asset, { bought: 4 });

    for (const role of ['operator', 'auditor'] as GatewayRole[])
      expect((await trialBalance(asset, await db.connectAs(role, 'x')))[0]).toMatchObject({ debit: '7' });
    for (const role of ['player', 'service'] as GatewayRole[])
      expect(await refusal(trialBalance(asset, await db.connectAs(role, 'x')))).toMatchObject({ code: '42501' });
  });
});
