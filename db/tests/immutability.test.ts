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

/** Tables whose rows are never changed or removed, each with a column for an update. */
const LOG: Record<string, string> = {
  'ledger.assets': 'created_at',
  'ledger.asset_limits': 'created_at',
  'ledger.wallets': 'created_at',
  'ledger.wallet_events': 'created_at',
  'ledger.wallet_limits': 'max_spend',
  'ledger.redactions': 'metadata_hash',
  'ledger.unique_references': 'seq',
  'ledger.entries': 'created_at',
  'ledger.holds': 'created_at',
  'ledger.bonus_lots': 'expires_at',
  'ledger.bonus_lot_draws': 'expires_at',
  'ledger.feed_epochs': 'started_at',
  'ledger.blocks': 'sealed_at',
  'ledger.house_totals': 'quarter',
  'ledger.block_heads': 'seq',
  'ledger.block_records': 'seq',
  'ledger.verifications': 'started_at',
};
/** Tables of open holds, lots and the like: the functions add and remove rows, but nobody by hand. */
const WORK_LISTS: Record<string, string> = {
  'ledger_private.open_holds': 'expires_at',
  'ledger_private.open_lots': 'due_at',
  'ledger_private.unsealed_events': 'seq',
  'ledger_private.unsettled_wallets': 'failed_at',
};
const TABLES = { ...LOG, ...WORK_LISTS };

const db = createDatabase();
let wallet = '';

/** A hash of the whole ledger. */
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

/** Manual writes: all fail before a row is read. */
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
    'truncate ledger.assets, ledger.wallets, ledger.wallet_events, ledger.entries restart identity cascade',
    "insert into ledger.assets (code, name) values ('X', 'X') on conflict (code) do update set name = excluded.name",
    'insert into ledger.entries select * from ledger.entries limit 1 on conflict (wallet_id, seq) do update set balance = 1',
    'insert into ledger.blocks select * from ledger.blocks limit 1 on conflict (seq) do update set entries = 1',
    // The view shows rows of the log.
    'insert into ledger.transfers (id) values (uuidv7())',
    "update ledger.transfers set metadata = '{}'",
    'delete from ledger.transfers',
    "update ledger.wallets set status = 'frozen'",
    "update ledger.wallets set owner_id = 'mallory'",
    'with gone as (delete from ledger.entries returning *) select * from gone',
  ]);

beforeAll(async () => {
  const asset = await newAsset(db);
  wallet = await newWallet(db, asset, { bought: 100, bonus: 10 });
  const spent = { wallet_id: wallet, amount: 20, idem_key: newKey(), metadata: { item: 'hat' } };
  const { transfer_id } = await call(db, 'wallet_spend', spent);
  await call<object>(db, 'transfer_redact', { transfer_id, reason: 'a law' });
  await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 20, idem_key: newKey(), expires_at: '2999-12-31' });
  await call(db, 'wallet_spend', { wallet_id: wallet, amount: 5, idem_key: newKey() });
  const { hold_id } = await call(db, 'wallet_hold', { wallet_id: wallet, amount: 5, idem_key: newKey() });
  await call(db, 'wallet_release', { wallet_id: wallet, hold_id, idem_key: newKey() });
  await call(db, 'wallet_hold', { wallet_id: wallet, amount: 5, idem_key: newKey(), expires_at: '2999-12-31' });
  await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend: 1000 });
  await call<object>(db, 'wallet_limit_set', { wallet_id: wallet, max_spend: 1000 });
  await call<object>(db, 'asset_set', { asset_code: asset, unique_reference: 'payment' });
  const bought = { wallet_id: wallet, amount: 1, idem_key: newKey(), metadata: { payment: 'one' } };
  await call(db, 'wallet_top_up', bought);
  await call<object>(db, 'ledger_seal', {});
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

  it.each(Object.keys(TABLES))('is refused even with the setting that the functions use: %s (42501)', async (table) => {
    if (role === 'a superuser' || role === 'the owner') return;
    await session.query("select set_config('ledger.posting', 'on', false)");

    expect(await refusal(session.query(`insert into ${table} select * from ${table} limit 1`))).toMatchObject({
      code: '42501',
    });
  });

  it('has changed nothing', async () => {
    expect(await contents()).toBe(before);
    await expectSound(db);
  });
});

describe('the guards', () => {
  it.each([
    [
      'ledger.entries',
      'a function of the ledger writes it',
      'insert into ledger.entries select * from ledger.entries limit 1',
    ],
    ['ledger.entries', 'nothing is taken back', 'delete from ledger.entries'],
    ['ledger_private.open_holds', 'the functions keep it', 'delete from ledger_private.open_holds'],
  ])('say of %s what to do instead: %s', async (table, _what, sql) => {
    const refused = await refusal(db.query(sql));

    expect(refused.message).toContain(table);
    expect(refused.hint).not.toBe('');
  });

  it.each(['transfers', 'journal'])('let no one write through the view %s', async (view) => {
    const before = await contents();

    for (const sql of [
      `insert into ledger.${view} select * from ledger.${view} limit 1`,
      `update ledger.${view} set kind = 'bonus'`,
      `update ledger.${view} set amount = 1`,
      `delete from ledger.${view}`,
      `truncate ledger.${view}`,
    ])
      expect(await refusal(writing(db, (session) => session.query(sql)))).toMatchObject({
        code: expect.stringMatching(/^(42501|42809|55000|0A000)$/) as string,
      });
    expect(await contents()).toBe(before);
  });

  it.each(Object.keys(LOG))('keep the rows of %s even when writing is enabled', async (table) => {
    for (const sql of [`delete from ${table}`, `truncate ${table} cascade`]) {
      expect(await refusal(writing(db, (session) => session.query(sql)))).toMatchObject({ code: '42501' });
    }
  });

  it.each(Object.entries(LOG).filter(([table]) => table !== 'ledger.wallets'))(
    'change nothing in %s even when writing is enabled',
    async (table, column) => {
      expect(
        await refusal(writing(db, (session) => session.query(`update ${table} set ${column} = default`))),
      ).toMatchObject({ code: '42501' });
    },
  );

  it.each(Object.keys(WORK_LISTS))('do not let %s be truncated even when writing is enabled', async (table) => {
    expect(await refusal(writing(db, (session) => session.query(`truncate ${table}`)))).toMatchObject({
      code: '42501',
    });
  });

  it.each([
    'id = uuidv7()',
    "owner_id = 'mallory'",
    "asset_code = 'X'",
    'created_at = now()',
    "status = 'frozen', owner_id = 'mallory'",
    "own_limits = 1, asset_code = 'X'",
  ])("let only a wallet's status and which limits it has change, even where writing is open: %s", async (change) => {
    expect(
      await refusal(
        writing(db, (session) => session.query(`update ledger.wallets set ${change} where id = '${wallet}'`)),
      ),
    ).toMatchObject({ code: '42501' });
  });

  it("cannot be disabled without a superuser's rights", async () => {
    const owner = await db.connect();
    await owner.query('set session authorization wallet_test_job');

    expect(await refusal(owner.query('set session_replication_role = replica'))).toMatchObject({ code: '42501' });
    expect(await refusal(owner.query('alter table ledger.entries disable trigger user'))).toMatchObject({
      code: '42501',
    });
  });
});

describe('constraints, even when writing is enabled,', () => {
  /** Inserts a copy of the wallet's newest entry with other facts and the next number. */
  const next = (facts: object) =>
    writing(db, (session) =>
      session.query(
        `insert into ledger.entries select (jsonb_populate_record(e, jsonb_build_object('seq', e.seq + 1) || $2::jsonb)).*
     from ledger.entries e where wallet_id = $1 order by seq desc limit 1`,
        [wallet, facts],
      ),
    );

  it.each([
    { what: 'a negative balance', facts: { balance: -1 } },
    { what: 'a negative bonus balance', facts: { bonus_balance: -1 } },
    { what: 'a negative held balance', facts: { held_balance: -1 } },
    { what: 'a negative rest that is not bonus', facts: { paid_balance: -1 } },
    { what: 'a negative rest that is not reserved', facts: { free_balance: -1 } },
  ])('refuse $what (23514)', async ({ facts }) => {
    const error: unknown = await next(facts).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: '23514', constraint: 'units_are_not_negative' });
  });

  it.each([
    { what: 'the balance', head: { balance: 4 }, change: { amount: 5 } },
    { what: 'the bonus balance', head: { balance: 9, bonus_balance: 4 }, change: { amount: 5, bonus_amount: 5 } },
    { what: 'the reserved credits', head: { balance: 9, held_balance: 4 }, change: { held_amount: -5 } },
    { what: 'what is not bonus', head: { balance: 9, bonus_balance: 5 }, change: { amount: 5 } },
    { what: 'what is not reserved', head: { balance: 9, held_balance: 5 }, change: { amount: 5 } },
    { what: 'what can be reserved', head: { balance: 4 }, change: { held_amount: 5 } },
  ])('refuse an entry that takes $what below nothing (23514)', async ({ head, change }) => {
    const facts = { seq: 1, bonus_balance: 0, held_balance: 0, ...head };
    const { amount, bonus_amount, held_amount } = { amount: 0, bonus_amount: 0, held_amount: 0, ...change };

    const error: unknown = await db
      .query(
        `select ledger_private.next_entry(head => jsonb_populate_record(null::ledger.entries, $1), wallet_id => $2, transfer_id => uuidv7(),
           kind => 'spend', side => 'debit', account => 'revenue', amount => $3, bonus_amount => $4, held_amount => $5, at_time => now())`,
        [facts, wallet, amount, bonus_amount, held_amount],
      )
      .catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: '23514', constraint: 'units_are_not_negative' });
  });

  it('refuse a second entry with the same number in a wallet (23505)', async () => {
    await expect(next({ seq: 1 })).rejects.toMatchObject({ code: '23505', constraint: 'entries_pkey' });
  });

  it.each([
    {
      what: 'movement with the same key in a wallet',
      kind: 'spend',
      facts: { transfer_id: UNKNOWN_WALLET },
      constraint: 'entries_idem_key_wallet_id_key',
    },
    {
      what: 'movement with the same id',
      kind: 'spend',
      facts: { idem_key: 'again' },
      constraint: 'entries_transfer_id_idx',
    },
    {
      what: 'end of a hold',
      kind: 'release',
      facts: { transfer_id: UNKNOWN_WALLET, idem_key: 'again', kind: 'capture' },
      constraint: 'entries_hold_closed_once_idx',
    },
  ])('refuse a second $what (23505)', async ({ kind, facts, constraint }) => {
    const second = writing(db, (session) =>
      session.query(
        `insert into ledger.entries select (jsonb_populate_record(e, jsonb_build_object('seq', e.seq + 100) || $3::jsonb)).*
         from ledger.entries e where wallet_id = $1 and kind = $2::ledger.transfer_kind limit 1`,
        [wallet, kind, facts],
      ),
    );

    await expect(second).rejects.toMatchObject({ code: '23505', constraint });
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
    { table: 'wallet_limits', facts: {}, code: '23505' },
    { table: 'redactions', facts: {}, code: '23505' },
    { table: 'unique_references', facts: {}, code: '23505' },
    { table: 'unique_references', facts: { asset_code: 'other' }, code: '23505' },
    { table: 'blocks', facts: {}, code: '23505' },
    { table: 'block_heads', facts: {}, code: '23505' },
    { table: 'block_heads', facts: { block_seq: 100 }, code: '23503' },
    { table: 'block_records', facts: { block_seq: 100 }, code: '23503' },
    { table: 'house_totals', facts: {}, code: '23505' },
    { table: 'house_totals', facts: { block_seq: 100 }, code: '23503' },
    { table: 'house_totals', facts: { asset_code: 'no-such-asset' }, code: '23503' },
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
      '(id, owner_id, asset_code) select id, owner_id, asset_code from ledger.wallets limit 1',
      '23505',
    ],
    ['a wallet of nobody', '(id, asset_code) select uuidv7(), code from ledger.assets limit 1', '23502'],
    [
      'a wallet of an empty name',
      "(id, owner_id, asset_code) select uuidv7(), '', code from ledger.assets limit 1",
      '23514',
    ],
    ['a wallet of an unknown asset', "(id, owner_id, asset_code) values (uuidv7(), 'x', 'no-such-asset')", '23503'],
  ])('refuse %s', async (_what, values, code) => {
    expect(
      await refusal(writing(db, (session) => session.query(`insert into ledger.wallets ${values}`))),
    ).toMatchObject({ code });
  });
});
