/**
 * Edits each column of each table in the catalogue, row by row, as a superuser without triggers: ledger_verify() must find each edit, and
 * each deleted or inserted row.
 */
import type pg from 'pg';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type Finding,
  newAsset,
  newKey,
  newOwner,
  newWallet,
} from './helpers.ts';
import { sealAll, sealUntil } from './seals.ts';

/** What no verification can find, and why. */
const NOT_FOUND: Record<string, string> = {
  'ledger.entries.xid':
    'a place in the feed and no fact of the movement: it means nothing elsewhere, so that no hash covers it',
};

const TABLES = [
  'ledger.asset_limits',
  'ledger.assets',
  'ledger.bonus_lot_draws',
  'ledger.bonus_lots',
  'ledger.entries',
  'ledger.feed_epochs',
  'ledger.holds',
  'ledger.house_totals',
  'ledger.block_heads',
  'ledger.block_records',
  'ledger.blocks',
  'ledger.verifications',
  'ledger.wallet_events',
  'ledger.wallet_limits',
  'ledger.redactions',
  'ledger.unique_references',
  'ledger.wallets',
  'ledger_private.open_holds',
  'ledger_private.open_lots',
  'ledger_private.unsealed_events',
];
const LIMIT_MS = 900_000;

interface Column {
  name: string;
  type: string;
  is_enum: boolean;
  nullable: boolean;
}

const db = createDatabase();
let client: pg.Client;

const post = (name: string, args: Record<string, unknown>) =>
  call(db, `wallet_${name}`, { ...args, idem_key: newKey(), metadata: { note: 'x' } });

async function asOwner(statement: string): Promise<void> {
  const owner = await db.connect();
  await owner.query(`begin; set local session_replication_role = replica; ${statement}; commit`);
}

/** For an owner with wallets of two assets. */
async function exchangeAndCorrect(asset: string): Promise<void> {
  const owner = newOwner();
  const gold = await newWallet(db, asset, { owner, bought: 20 });
  const gems = await newWallet(db, await newAsset(db), { owner });
  await post('opening', { wallet_id: gems, amount: 9, bonus_amount: 4, expires_at: '2095-01-01Z' });
  await post('opening', { wallet_id: gold, amount: 7, bonus_amount: 3 });
  for (const [wallet_id, side] of [
    [gold, 'credit'],
    [gems, 'debit'],
  ])
    await post('adjust', { wallet_id, side, amount: 2, reason: 'an error' });
  const { transfer_id } = await post('exchange', { from_wallet: gems, to_wallet: gold, amount: 5, to_amount: 8 });
  await post('reverse', { wallet_id: gems, transfer_id });
  await post('exchange', { from_wallet: gold, to_wallet: gems, amount: 4, to_amount: 3 });
}

/** Movements of all kinds, wallets with all statuses, limits, verifications, two epochs and blocks, and some later bookings. */
beforeAll(async () => {
  const asset = await newAsset(db);
  const [alice, bob, carol] = (await Promise.all([1, 2, 3].map(() => newWallet(db, asset, { bought: 100 })))) as [
    string,
    string,
    string,
  ];
  for (const max_spend of [1_000_000, 2_000_000])
    await call<object>(db, 'asset_limit_set', { asset_code: asset, max_spend, max_daily_bonus: 5_000_000 });
  await post('bonus', { wallet_id: alice, amount: 10, expires_at: '2090-01-01Z' });
  await post('bonus', { wallet_id: alice, amount: 30, expires_at: '2095-01-01Z' });
  await post('bonus', { wallet_id: alice, amount: 5 });
  const hold = await post('hold', { wallet_id: alice, amount: 12, expires_at: '2090-01-01Z' });
  await post('hold', { wallet_id: alice, amount: 3, expires_at: '2080-01-01Z' });
  const other = await post('hold', { wallet_id: alice, amount: 2 });
  const spend = await post('spend', { wallet_id: alice, amount: 11 });
  await post('capture', { wallet_id: alice, hold_id: hold.hold_id, amount: 4 });
  await post('release', { wallet_id: alice, hold_id: other.hold_id });
  await post('reverse', { wallet_id: alice, transfer_id: spend.transfer_id, amount: 3 });
  await post('transfer', { from_wallet: alice, to_wallet: bob, amount: 5 });
  await db.query(
    "select from ledger.wallet_post_batch(array[ledger.request('spend', $1::uuid, null, 4, 'b', null, null)])",
    [bob],
  );
  await exchangeAndCorrect(asset);
  // Books what expires on that day.
  await asOwner(
    `set local session_replication_role = origin; select ledger_private.settle(array['${alice}'::uuid], '2091-01-01Z')`,
  );
  await post('hold', { wallet_id: alice, amount: 7, expires_at: '2099-01-01Z' });
  await call<object>(db, 'wallet_freeze', { wallet_id: bob, reason: 'a doubt' });
  await call<object>(db, 'wallet_reopen', { wallet_id: bob, reason: 'no doubt' });
  // One wallet's limits are lifted again, the other's stay.
  for (const max_transfer of [1_000_000, null])
    await call<object>(db, 'wallet_limit_set', { wallet_id: alice, max_transfer });
  await call<object>(db, 'wallet_limit_set', { wallet_id: bob, max_balance: 1_000_000 });
  await call<object>(db, 'transfer_redact', { transfer_id: spend.transfer_id, reason: 'a law' });
  await call<object>(db, 'asset_set', { asset_code: asset, unique_reference: 'note' });
  await post('top_up', { wallet_id: alice, amount: 5 });
  const metadata = { note: 'y' };
  const paid = await call(db, 'wallet_top_up', { wallet_id: bob, amount: 5, idem_key: newKey(), metadata });
  await call<object>(db, 'transfer_redact', { transfer_id: paid.transfer_id, reason: 'a law' });
  await call<object>(db, 'asset_set', { asset_code: asset, unique_reference: '' });
  await call<object>(db, 'wallet_freeze', { wallet_id: carol, reason: 'a doubt' });
  await merged(asset);
  const closed = await newWallet(db, asset);
  await call<object>(db, 'wallet_close', { wallet_id: closed, reason: 'gone' });
  expect(await callAll(db, 'ledger_prove', {})).toEqual([]);
  await sealUntil(db, carol, 1);
  // Rows as moved by replication, which need a second epoch.
  await asOwner("update ledger.entries set xid = '18446744073709551615'");
  await asOwner(
    'set local session_replication_role = origin; set local role wallet_owner; select ledger_private.begin_epoch()',
  );
  await post('top_up', { wallet_id: carol, amount: 1 });
  expect(await callAll(db, 'ledger_prove', {})).toEqual([]);
  await sealUntil(db, carol, 2);
  await sealAll(db);
  // Bookings that are not sealed yet.
  await post('bonus', { wallet_id: carol, amount: 6, expires_at: '2095-01-01Z' });
  await newWallet(db, asset, { bought: 1 });
  await call<object>(db, 'wallet_reopen', { wallet_id: carol, reason: 'no doubt' });
  await expectSound(db);
  client = await db.connect();
}, LIMIT_MS);

/** A wallet with a debt that was merged, and whose successor got a refund of one of its spends. */
async function merged(asset: string): Promise<void> {
  const [from, to] = [await newWallet(db, asset), await newWallet(db, asset, { bought: 10 })];
  const bought = await post('top_up', { wallet_id: from, amount: 50 });
  await post('bonus', { wallet_id: from, amount: 8, expires_at: '2095-01-01Z' });
  const spent = await post('spend', { wallet_id: from, amount: 20 });
  await post('bonus', { wallet_id: from, amount: 9, expires_at: '2095-01-01Z' });
  await post('reverse', { wallet_id: from, transfer_id: bought.transfer_id, owe: true });
  for (const collect_debts of [true, false]) {
    await call<object>(db, 'asset_set', { asset_code: asset, collect_debts });
    await post('top_up', { wallet_id: from, amount: 3 });
  }
  const request = { from_wallet: from, to_wallet: to, idem_key: newKey(), reason: 'two accounts' };
  await call(db, 'wallet_merge', request);
  await post('reverse', { wallet_id: to, transfer_id: spent.transfer_id, amount: 15 });
}

async function columnsOf(table: string): Promise<Column[]> {
  const { rows } = await db.query<Column>(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, t.typtype = 'e' as is_enum, not a.attnotnull as nullable
     from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [table],
  );
  return rows;
}

/** The places of a few rows of each kind; a kind is the values of the enum columns. */
async function rowsOf(table: string, columns: Column[]): Promise<string[]> {
  const kinds = columns.filter(({ is_enum }) => is_enum).map(({ name }) => name);
  const { rows } = await db.query<{ place: string }>(
    `select place from (
       select ctid::text as place, row_number() over kind as number, count(*) over (partition by ${kinds.join(', ') || '1'}) as total
       from ${table} window kind as (partition by ${kinds.join(', ') || '1'} order by ctid)) r
     where number = 1 or number = total and ${kinds.length === 0}`,
  );
  return rows.map(({ place }) => place);
}

/** Other values of a column, some of which constraints may refuse. */
function othersOf({ name, type, is_enum }: Column): string[] {
  const value = `"${name}"`;
  if (is_enum) return [`(select x from unnest(enum_range(null::${type})) x where x is distinct from ${value} limit 1)`];
  switch (type) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'ledger.units':
      return [`coalesce(${value} + 1, 1)`, `${value} - 1`];
    case 'text':
      return [`coalesce(${value}, '') || 'x'`];
    case 'boolean':
      return [`not ${value}`];
    case 'uuid':
      return ['gen_random_uuid()'];
    case 'timestamp with time zone':
      return [`coalesce(${value} + interval '1 us', '2099-01-01Z')`, "'2098-01-01Z'"];
    case 'bytea':
      return [`sha256(coalesce(${value}, ''))`];
    case 'jsonb':
      return [`${value} || '{"other": 1}'`];
    case 'xid8':
      return [`(${value}::text::numeric + 1)::text::xid8`];
    default:
      throw new Error(`no other value of ${name}, a ${type}`);
  }
}

/** The findings after an edit without triggers; undefined if it changes nothing or a constraint refuses it. */
async function findingsAfter(edit: string, before = ''): Promise<Finding[] | undefined> {
  await client.query(`begin; set local session_replication_role = replica; ${before}`);
  try {
    const { rowCount } = await client.query(edit);
    return rowCount === 0 ? undefined : await callAll<Finding>(client, 'ledger_verify', {});
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('23')) return undefined;
    throw error;
  } finally {
    await client.query('rollback');
  }
}

/** A superuser can also drop CHECK constraints. */
async function dropChecks(table: string): Promise<string> {
  const { rows } = await db.query<{ name: string }>(
    "select conname as name from pg_constraint where conrelid = $1::regclass and contype = 'c'",
    [table],
  );
  return rows.map(({ name }) => `alter table ${table} drop constraint "${name}"`).join('; ');
}

/** The edits of a column that changed something, with their findings. */
async function editsOf(table: string, places: string[], column: Column, before = ''): Promise<[string, Finding[]][]> {
  const edits: [string, Finding[]][] = [];
  for (const place of places) {
    const tryOut = async (other: string): Promise<boolean> => {
      const isOther = `"${column.name}" is distinct from ${other}`;
      const edit = `update ${table} set "${column.name}" = ${other} where ctid = '${place}' and ${isOther}`;
      const findings = await findingsAfter(edit, before);
      if (findings) edits.push([edit, findings]);
      return findings !== undefined;
    };
    for (const other of othersOf(column)) if (await tryOut(other)) break;
    if (column.nullable) await tryOut('null');
  }
  return edits;
}

describe('ledger_verify', () => {
  /** Hints without effect on results: ledger_verify finds what they stand for in the work lists. */
  const NO_PART_OF_IT = [
    'ledger_private.unsettled_wallets',
    'ledger_private.node_ranges',
    'ledger_private.other_ranges',
  ];

  it('is tested with every table of the ledger', async () => {
    const { rows } = await db.query<{ name: string }>(
      `select oid::regclass::text as name from pg_class
       where relkind in ('r', 'p') and relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) order by 1`,
    );

    expect(rows.map(({ name }) => name)).toEqual([...TABLES, ...NO_PART_OF_IT].sort());
  });

  it.each(TABLES)(
    'finds each edit of each column of %s',
    async (table) => {
      const columns = await columnsOf(table);
      const places = await rowsOf(table, columns);
      expect(places.length).toBeGreaterThan(0);
      const overlooked: string[] = [];
      for (const column of columns) {
        const name = `${table}.${column.name}`;
        let edits = await editsOf(table, places, column);
        if (edits.length === 0) edits = await editsOf(table, places, column, await dropChecks(table));
        expect([name, edits.length > 0]).toEqual([name, true]);
        if (name in NOT_FOUND) continue;
        overlooked.push(...edits.filter(([, findings]) => findings.length === 0).map(([edit]) => edit));
      }

      expect(overlooked).toEqual([]);
    },
    LIMIT_MS,
  );

  it.each(TABLES)(
    'finds each deleted and each inserted row of %s',
    async (table) => {
      const columns = await columnsOf(table);
      const { rows: keys } = await db.query<{ name: string }>(
        `select distinct a.attname as name from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[i.indnkeyatts - 1]
         where i.indrelid = $1::regclass and i.indisunique`,
        [table],
      );
      const copied = columns.map((column) => {
        const isKey = keys.some(({ name }) => name === column.name);
        if (!isKey) return `"${column.name}"`;
        const [other] = othersOf(column);
        return ['integer', 'bigint'].includes(column.type)
          ? `"${column.name}" + 1000`
          : `case when "${column.name}" is not null then ${other} end`;
      });
      const overlooked: string[] = [];
      for (const place of await rowsOf(table, columns)) {
        for (const edit of [
          `delete from ${table} where ctid = '${place}'`,
          `insert into ${table} select ${copied.join(', ')} from ${table} where ctid = '${place}'`,
        ]) {
          const findings = await findingsAfter(edit);
          if (!findings?.length) overlooked.push(edit);
        }
      }

      expect(overlooked).toEqual([]);
    },
    LIMIT_MS,
  );
});
