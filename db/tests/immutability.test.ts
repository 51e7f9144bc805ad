import type pg from 'pg';
import {
  call,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type Session,
  UNKNOWN_WALLET,
  writing,
} from './helpers.ts';

/** What is never changed or removed, each with a column that an update could name. */
const LOG: Record<string, string> = {
  'ledger.assets': 'created_at',
  'ledger.asset_limits': 'created_at',
  'ledger.wallets': 'created_at',
  'ledger.wallet_events': 'created_at',
  'ledger.transfers': 'created_at',
  'ledger.entries': 'created_at',
  'ledger.holds': 'created_at',
  'ledger.bonus_lots': 'expires_at',
  'ledger.bonus_lot_draws': 'expires_at',
  'ledger.feed_epochs': 'started_at',
  'ledger.blocks': 'sealed_at',
  'ledger.block_heads': 'seq',
  'ledger.block_records': 'seq',
  'ledger.verifications': 'started_at',
};
/** What the functions keep of open holds and lots: rows come and go, but not by hand. */
const WORK_LISTS: Record<string, string> = {
  'ledger_private.open_holds': 'expires_at',
  'ledger_private.open_lots': 'due_at',
  'ledger_private.unsealed_events': 'seq',
  'ledger_private.unsettled_wallets': 'failed_at',
};
const TABLES = { ...LOG, ...WORK_LISTS };

const db = createDatabase();
let wallet = '';

/** Everything the ledger holds, as one text. */
async function contents(): Promise<string> {
  const {
    rows: [row],
  } = await db.query<{ all: string }>(
    `select md5(concat(${Object.keys(TABLES)
      .map((table) => `(select string_agg(t::text, ';' order by t::text) from ${table} t)`)
      .join(', ')})) as all`,
  );
  return row?.all ?? '';
}

/** Ways to write by hand: all fail before a row is looked at. */
const attempts = Object.entries(TABLES)
  .flatMap(([table, column]) => [
    `insert into ${table} select * from ${table} limit 1`,
    `insert into ${table} select * from ${table} limit 0`,
    `insert into ${table} select * from ${table} limit 1 on conflict do nothing`,
    `update ${table} set ${column} = default`,
    `update ${table} set ${column} = ${column} where false`,
    `delete from ${table}`,
    `delete from ${table} where false`,
    `truncate ${table} cascade`,
    `merge into ${table} t using (select 1) s on true when matched then delete`,
    `merge into ${table} t using (select 1) s on true when matched then update set ${column} = default`,
    `copy ${table} from stdin`,
  ])
  .concat([
    'truncate ledger.wallet_events',
    'truncate ledger_private.open_holds, ledger_private.open_lots',
    'truncate ledger.assets, ledger.wallets, ledger.wallet_events, ledger.transfers, ledger.entries restart identity cascade',
    "insert into ledger.assets (code, name) values ('X', 'X') on conflict (code) do update set name = excluded.name",
    'insert into ledger.entries select * from ledger.entries limit 1 on conflict (wallet_id, seq) do update set balance = 1',
    'insert into ledger.transfers select * from ledger.transfers limit 1 on conflict (id) do update set amount = 1',
    "update ledger.wallets set status = 'frozen'",
    "update ledger.wallets set owner_id = 'mallory'",
    'with gone as (delete from ledger.entries returning *) select * from gone',
  ]);

beforeAll(async () => {
  const asset = await newAsset(db);
  wallet = await newWallet(db, asset, { bought: 100, bonus: 10 });
  await call(db, 'wallet_spend', { wallet_id: wallet, amount: 20, idem_key: newKey() });
  await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 20, idem_key: newKey(), expires_at: '2999-12-31' });
  await call(db, 'wallet_spend', { wallet_id: wallet, amount: 5, idem_key: newKey() });
  const { hold_id } = await call(db, 'wallet_hold', { wallet_id: wallet, amount: 5, idem_key: newKey() });
  await call(db, 'wallet_release', { wallet_id: wallet, hold_id, idem_key: newKey() });
  await call(db, 'wallet_hold', { wallet_id: wallet, amount: 5, idem_key: newKey(), expires_at: '2999-12-31' });
  await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend: 1000 });
});

const roles: Record<string, () => Promise<pg.Client>> = {
  'a superuser': () => db.connect(),
  'the owner': async () => {
    const session = await db.connect();
    await session.query('set role wallet_owner');
    return session;
  },
  'a player': () => db.connectAs('player', 'p'),
  'a service': () => db.connectAs('service', 's'),
  'an operator': () => db.connectAs('operator', 'o'),
  'an auditor': () => db.connectAs('auditor', 'a'),
  'a job': () => db.connectJob(),
  "the gateway's login": () => db.connectLogin('wallet_gateway'),
  'a stranger': () => db.connectLogin('wallet_test_stranger'),
};

describe.each(Object.keys(roles))('written by hand, %s', (role) => {
  let session: Session;
  let before = '';
  beforeAll(async () => {
    session = await (roles[role] as () => Promise<pg.Client>)();
    before = await contents();
  });

  it.each(attempts)('is refused: %s (42501)', async (sql) => {
    expect(await refusal(session.query(sql))).toMatchObject({ code: '42501' });
  });

  it.each(Object.keys(TABLES))(
    'is refused where the setting that opens the guards is known too: %s (42501)',
    async (table) => {
      if (role === 'a superuser' || role === 'the owner') return;
      await session.query("select set_config('ledger.posting', 'on', false)");

      expect(await refusal(session.query(`insert into ${table} select * from ${table} limit 1`))).toMatchObject({
        code: '42501',
      });
    },
  );

  it('has changed nothing', async () => {
    expect(await contents()).toBe(before);
    await expectSound(db);
  });
});

describe('the guards', () => {
  it.each([
    [
      'ledger.transfers',
      'a function of the ledger writes it',
      'insert into ledger.transfers select * from ledger.transfers limit 1',
    ],
    ['ledger.entries', 'nothing is taken back', 'delete from ledger.entries'],
    ['ledger_private.open_holds', 'the functions keep it', 'delete from ledger_private.open_holds'],
  ])('say of %s what to do instead: %s', async (table, _what, sql) => {
    const refused = await refusal(db.query(sql));

    expect(refused.message).toContain(table);
    expect(refused.hint).not.toBe('');
  });

  it.each(Object.keys(LOG))('keep what is in %s even where writing is open', async (table) => {
    for (const sql of [`delete from ${table}`, `truncate ${table} cascade`]) {
      expect(await refusal(writing(db, (session) => session.query(sql)))).toMatchObject({ code: '42501' });
    }
  });

  it.each(Object.entries(LOG).filter(([table]) => table !== 'ledger.wallets'))(
    'change nothing in %s even where writing is open',
    async (table, column) => {
      expect(
        await refusal(writing(db, (session) => session.query(`update ${table} set ${column} = default`))),
      ).toMatchObject({ code: '42501' });
    },
  );

  it.each(Object.keys(WORK_LISTS))('do not let %s be emptied at a stroke even where writing is open', async (table) => {
    expect(await refusal(writing(db, (session) => session.query(`truncate ${table}`)))).toMatchObject({
      code: '42501',
    });
  });

  it.each([
    'id = uuidv7()',
    "owner_id = 'mallory'",
    "asset_code = 'X'",
    'created_at = now()',
    'stripe = 1',
    "normal_side = 'debit'",
    "house = 'treasury'",
    "status = 'frozen', owner_id = 'mallory'",
  ])("let only a wallet's status change, even where writing is open: %s", async (change) => {
    expect(
      await refusal(
        writing(db, (session) => session.query(`update ledger.wallets set ${change} where id = '${wallet}'`)),
      ),
    ).toMatchObject({ code: '42501' });
  });

  it('stay in place for whoever switches them off without being a superuser', async () => {
    const owner = await db.connect();
    await owner.query('set session authorization wallet_test_job');

    expect(await refusal(owner.query('set session_replication_role = replica'))).toMatchObject({ code: '42501' });
    expect(await refusal(owner.query('alter table ledger.entries disable trigger user'))).toMatchObject({
      code: '42501',
    });
  });
});

describe('constraints, even where writing is open,', () => {
  /** The newest entry of the wallet with other facts, one number on. */
  const next = (facts: object) =>
    writing(db, (session) =>
      session.query(
        `insert into ledger.entries select (jsonb_populate_record(e, jsonb_build_object('seq', e.seq + 1) || $2::jsonb)).*
     from ledger.entries e where wallet_id = $1 order by seq desc limit 1`,
        [wallet, facts],
      ),
    );

  it.each([
    {
      what: 'a negative balance',
      facts: { balance: -1, bonus_balance: 0 },
      // Others refuse it too: PostgreSQL asks them by name, so that a caller is told the plainest.
      constraint: /^entries_balance_is_not_negative$/,
    },
    {
      what: 'a negative bonus balance',
      facts: { bonus_balance: -1 },
      constraint: /^entries_bonus_balance_is_part_of_balance$/,
    },
    {
      what: 'more bonus credits than credits',
      facts: { balance: 5, bonus_balance: 6 },
      constraint: /^entries_bonus_balance_is_part_of_balance$/,
    },
    {
      what: 'a negative held balance',
      facts: { held_balance: -1 },
      constraint: /^entries_held_balance_is_part_of_balance$/,
    },
    {
      what: 'more credits held than there are',
      facts: { balance: 5, bonus_balance: 0, held_balance: 6 },
      constraint: /^entries_held_balance_is_part_of_balance$/,
    },
  ])('refuse $what (23514)', async ({ facts, constraint }) => {
    const error: unknown = await next(facts).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: '23514', constraint: expect.stringMatching(constraint) as string });
  });

  it('refuse a second entry with the same number in a wallet (23505)', async () => {
    await expect(next({ seq: 1 })).rejects.toMatchObject({ code: '23505', constraint: 'entries_pkey' });
  });

  it('refuse a second transfer with the same key in a wallet (23505)', async () => {
    const second = writing(db, (session) =>
      session.query(
        `insert into ledger.transfers select (jsonb_populate_record(t, jsonb_build_object('id', uuidv7()))).*
       from ledger.transfers t where wallet_id = $1 limit 1`,
        [wallet],
      ),
    );

    await expect(second).rejects.toMatchObject({ code: '23505', constraint: 'transfers_wallet_id_idem_key_key' });
  });

  it('refuse a second end of a hold (23505)', async () => {
    const second = writing(db, (session) =>
      session.query(
        `insert into ledger.transfers
         select (jsonb_populate_record(t, jsonb_build_object('id', uuidv7(), 'idem_key', 'again', 'kind', 'capture'))).*
         from ledger.transfers t where wallet_id = $1 and kind = 'release'`,
        [wallet],
      ),
    );

    await expect(second).rejects.toMatchObject({ code: '23505', constraint: 'transfers_hold_closed_once_idx' });
  });

  it.each([
    { table: 'holds', facts: { seq: 100, id: UNKNOWN_WALLET, amount: 0, bonus_amount: 0 }, code: '23514' },
    { table: 'holds', facts: { seq: 100, id: UNKNOWN_WALLET, amount: 5, bonus_amount: 6 }, code: '23514' },
    { table: 'holds', facts: { seq: 100, id: UNKNOWN_WALLET, bonus_amount: -1 }, code: '23514' },
    { table: 'holds', facts: { id: UNKNOWN_WALLET }, code: '23505' },
    { table: 'holds', facts: { seq: 100 }, code: '23505' },
    { table: 'bonus_lots', facts: { seq: 100, amount: 0 }, code: '23514' },
    { table: 'bonus_lots', facts: {}, code: '23505' },
    { table: 'bonus_lot_draws', facts: { seq: 100, balance: -1, held_balance: 0 }, code: '23514' },
    { table: 'bonus_lot_draws', facts: { seq: 100, balance: 5, held_balance: 6 }, code: '23514' },
    { table: 'bonus_lot_draws', facts: { seq: 100, held_balance: -1 }, code: '23514' },
    { table: 'bonus_lot_draws', facts: {}, code: '23505' },
    { table: 'asset_limits', facts: {}, code: '23505' },
    { table: 'asset_limits', facts: { asset_code: 'no-such-asset' }, code: '23503' },
  ])('refuse in $table $facts ($code)', async ({ table, facts, code }) => {
    const forged = writing(db, (session) =>
      session.query(
        `insert into ledger.${table} select (jsonb_populate_record(t, $1::jsonb)).* from ledger.${table} t limit 1`,
        [facts],
      ),
    );

    expect(await refusal(forged)).toMatchObject({ code });
  });

  it.each([
    [
      'a second wallet of an owner',
      '(id, owner_id, asset_code, normal_side) select id, owner_id, asset_code, normal_side from ledger.wallets where house is null limit 1',
      '23505',
    ],
    [
      'a wallet of nobody',
      "(id, asset_code, normal_side) select uuidv7(), code, 'credit' from ledger.assets limit 1",
      '23514',
    ],
    [
      'a wallet on the wrong side',
      "(id, owner_id, asset_code, normal_side) select uuidv7(), 'x', code, 'debit' from ledger.assets limit 1",
      '23514',
    ],
    [
      'a house wallet without a stripe',
      "(id, house, asset_code, normal_side) select uuidv7(), 'revenue', code, 'credit' from ledger.assets limit 1",
      '23514',
    ],
    [
      'a stripe number 33',
      "(id, house, stripe, asset_code, normal_side) select uuidv7(), 'revenue', 33, code, 'credit' from ledger.assets limit 1",
      '23514',
    ],
    [
      'a wallet of an unknown asset',
      "(id, owner_id, asset_code, normal_side) values (uuidv7(), 'x', 'no-such-asset', 'credit')",
      '23503',
    ],
    [
      'a frozen house wallet',
      "(id, house, stripe, asset_code, normal_side, status) select uuidv7(), 'revenue', 3, code, 'credit', 'frozen' from ledger.assets limit 1",
      '23514',
    ],
  ])('refuse %s', async (_what, values, code) => {
    expect(
      await refusal(writing(db, (session) => session.query(`insert into ledger.wallets ${values}`))),
    ).toMatchObject({ code });
  });
});
