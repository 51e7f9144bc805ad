/** The rows of some of a ledger's wallets, alone in a database, are a ledger of their own. */
import { tampering } from './aged.ts';
import {
  call,
  callAll,
  createDatabase,
  type Database,
  expectSound,
  type Finding,
  newAsset,
  newKey,
  newOwner,
  type Receipt,
  refusal,
  type Session,
} from './helpers.ts';
import { sealAll } from './seals.ts';

const HALVES = [
  ['00000000-0000-0000-0000-000000000000', '7fffffff-ffff-ffff-ffff-ffffffffffff'],
  ['80000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
] as const;
/** What belongs to all, and what belongs to a wallet. Blocks are made anew, and so are epochs. */
const SHARED = ['ledger.assets', 'ledger.asset_limits'];
const OF_WALLETS = [
  'ledger.wallet_events',
  'ledger.wallet_limits',
  'ledger.redactions',
  'ledger.unique_references',
  'ledger.entries',
  'ledger.holds',
  'ledger.bonus_lots',
  'ledger.bonus_lot_draws',
  'ledger_private.open_holds',
  'ledger_private.open_lots',
];

interface Line {
  asset_code: string;
  account: string;
  debit: string;
  credit: string;
}

const whole = createDatabase();
const parts = [createDatabase(), createDatabase()] as const;
let asset = '';
/** Three wallets of each half. */
let low: string[] = [];
let high: string[] = [];

beforeAll(async () => {
  asset = await newAsset(whole);
  [low, high] = await walletsOfBothHalves(3);
  await moveCredits(whole);
  await sealAll(whole);
  await bring(parts[0], HALVES[0]);
  await bring(parts[1], HALVES[1]);
});

async function walletsOfBothHalves(count: number): Promise<[string[], string[]]> {
  const found: [string[], string[]] = [[], []];
  while (Math.min(found[0].length, found[1].length) < count) {
    const { id } = await call<{ id: string }>(whole, 'wallet_open', { owner_id: newOwner(), asset_code: asset });
    found[id < HALVES[1][0] ? 0 : 1].push(id);
  }
  return [found[0].slice(0, count), found[1].slice(0, count)];
}

/** Movements of every kind; transfers, and reversals of transfers, within each half and between them, with bonus credits that expire. */
async function moveCredits(db: Session): Promise<void> {
  const book = (name: string, args: Record<string, unknown>) => call(db, name, { idem_key: newKey(), ...args });
  for (const wallet_id of [...low, ...high]) {
    await call<object>(db, 'wallet_limit_set', { wallet_id, max_balance: 1_000_000 });
    await book('wallet_top_up', { wallet_id, amount: 1000 });
    await book('wallet_bonus', { wallet_id, amount: 50 });
    await book('wallet_bonus', { wallet_id, amount: 100, expires_at: '2099-01-01Z' });
    const { transfer_id } = await book('wallet_spend', { wallet_id, amount: 30 });
    await book('wallet_reverse', { wallet_id, transfer_id, amount: 20 });
    const { hold_id } = await book('wallet_hold', { wallet_id, amount: 40 });
    await book('wallet_capture', { wallet_id, hold_id, amount: 10 });
    await book('wallet_hold', { wallet_id, amount: 7 });
  }
  for (const from_wallet of [...low, ...high])
    for (const to_wallet of [...low, ...high]) {
      if (from_wallet === to_wallet) continue;
      const { transfer_id } = await book('wallet_transfer', { from_wallet, to_wallet, amount: 33 });
      await book('wallet_reverse', { wallet_id: from_wallet, transfer_id, amount: 20 });
    }
  await call<object>(db, 'wallet_freeze', { wallet_id: low[2], reason: 'for a test' });
  await mergeWallets(book);
}

/** Chains of merges within each half and between them; each successor gets back what its predecessors had booked, and owes what they owed. */
async function mergeWallets(book: (name: string, args: Record<string, unknown>) => Promise<Receipt>): Promise<void> {
  const [lows, highs] = await walletsOfBothHalves(6);
  const chains = [
    [lows, highs, lows],
    [highs, lows, highs],
    [lows, lows, highs],
    [highs, highs, lows],
  ].map((halves) => halves.map((half) => half.pop() ?? ''));
  for (const [first = '', ...successors] of chains) {
    const wallet_id = first;
    const bought = await book('wallet_top_up', { wallet_id, amount: 100 });
    const given = await book('wallet_bonus', { wallet_id, amount: 60, expires_at: '2099-01-01Z' });
    const spent = await book('wallet_spend', { wallet_id, amount: 40 });
    const sent = await book('wallet_transfer', { from_wallet: first, to_wallet: low[0], amount: 15 });
    await book('wallet_spend', { wallet_id, amount: 80 });
    await book('wallet_reverse', { wallet_id, transfer_id: bought.transfer_id, amount: 30, owe: true });
    let from_wallet = first;
    for (const to_wallet of successors) {
      await book('wallet_merge', { from_wallet, to_wallet, reason: 'two accounts' });
      const acting = { wallet_id: to_wallet };
      await book('wallet_reverse', { ...acting, transfer_id: spent.transfer_id, amount: 11 });
      await book('wallet_reverse', { ...acting, transfer_id: sent.transfer_id, amount: 4 });
      await book('wallet_reverse', { ...acting, transfer_id: bought.transfer_id, amount: 20, owe: true });
      from_wallet = to_wallet;
    }
    await book('wallet_bonus', { wallet_id: from_wallet, amount: Number(given.amount) });
  }
}

/** Copies a half of the wallets, as an administrator would who splits a ledger. */
async function bring(target: Database, [first, last]: readonly [string, string]): Promise<void> {
  await target.query('insert into ledger_private.node_ranges values ($1, $2)', [first, last]);
  const copy = async (client: Session, table: string, condition: string) => {
    const { rows } = await whole.query<{ all: string }>(
      `select coalesce(json_agg(t), '[]')::text as all from ${table} t where ${condition}`,
    );
    await client.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1)`, [
      rows[0]?.all,
    ]);
  };
  await tampering(target, async (client) => {
    for (const table of SHARED) await copy(client, table, 'true');
    await copy(client, 'ledger.wallets', `id between '${first}' and '${last}'`);
    for (const table of OF_WALLETS) await copy(client, table, `wallet_id between '${first}' and '${last}'`);
  });
}

const balanceOf = (db: Session): Promise<Line[]> => callAll<Line>(db, 'ledger_trial_balance', { asset_code: asset });

/** What each account has, debits above 0, over several trial balances. */
function added(...balances: Line[][]): Record<string, bigint> {
  const sums: Record<string, bigint> = {};
  for (const { account, debit, credit } of balances.flat())
    sums[account] = (sums[account] ?? 0n) + BigInt(debit) - BigInt(credit);
  return sums;
}

async function expectHalves(): Promise<void> {
  const balances = [await balanceOf(parts[0]), await balanceOf(parts[1])] as const;
  for (const balance of balances) expect(balance.map(({ account }) => account)).toContain('elsewhere');
  const { elsewhere, ...sums } = added(...balances);
  expect(elsewhere).toBe(0n);
  expect(sums).toEqual(added(await balanceOf(whole)));
}

describe('two halves of the wallets, each in a database of its own', () => {
  it('are sound, and their trial balances add up to that of the whole: before an epoch, before a block, after it, and after more calls', async () => {
    await expectHalves();
    for (const part of parts) await part.query('select ledger_private.begin_epoch()');
    await expectHalves();
    for (const part of parts) await expectSound(part);
    for (const part of parts) expect(await sealAll(part)).not.toEqual([]);
    await expectHalves();
    for (const part of parts) await expectSound(part);

    for (const [part, wallets] of [
      [parts[0], low],
      [parts[1], high],
    ] as const) {
      await sendWithin(part, wallets);
      await sendWithin(whole, wallets);
    }
    await expectHalves();
    for (const part of parts) expect(await sealAll(part)).not.toEqual([]);
    await expectHalves();
    for (const part of parts) await expectSound(part);
  });

  it('have journals that agree with their trial balances', async () => {
    for (const part of parts) {
      const { rows } = await part.query<Line>(
        `select case account when 'player' then 'players' else account::text end as account,
           coalesce(sum(amount) filter (where side = 'debit'), 0) as debit, coalesce(sum(amount) filter (where side = 'credit'), 0) as credit
         from ledger.journal where asset_code = $1 group by 1`,
        [asset],
      );
      expect(added([{ asset_code: asset, account: 'breakage', debit: '0', credit: '0' }, ...rows])).toEqual(
        added(await balanceOf(part)),
      );
    }
  });

  it('refuse a transfer to a wallet of the other with WLNOW', async () => {
    const request = { from_wallet: low[0], to_wallet: high[0], amount: 1, idem_key: newKey() };
    expect(await refusal(call(parts[0], 'wallet_transfer', request))).toMatchObject({ code: 'WLNOW' });
  });

  it('allow one entry of a transfer only where the other wallet is outside of their ranges', async () => {
    const rules = (findings: Finding[]) => new Set(findings.map(({ rule }) => rule));
    await parts[0].query('delete from ledger_private.node_ranges');
    expect(rules(await callAll<Finding>(parts[0], 'ledger_verify', {}))).toContain('transfer_reference');
    const [first] = await callAll<Finding>(parts[0], 'ledger_verify', { wallet_id: low[0] });
    expect(first).toMatchObject({ rule: 'transfer_reference', wallet_id: low[0] });
    await parts[0].query('insert into ledger_private.node_ranges values ($1, $2)', [...HALVES[0]]);
    await expectSound(parts[0]);

    // An entry of a wallet that the database has may not be missing.
    await tampering(parts[0], (client) =>
      client.query(
        `delete from ledger.entries r using ledger.entries a
         where r.wallet_id = a.to_wallet and r.seq = a.to_seq and a.wallet_id = $1 and a.to_wallet = $2`,
        [low[0], low[1]],
      ),
    );
    expect(rules(await callAll<Finding>(parts[0], 'ledger_verify', {}))).toContain('transfer_reference');
  });
});

/** What the wallets of one half do among themselves. */
async function sendWithin(db: Session, [from_wallet, to_wallet]: string[]): Promise<void> {
  const { transfer_id } = await call(db, 'wallet_transfer', { from_wallet, to_wallet, amount: 25, idem_key: 'within' });
  await call(db, 'wallet_reverse', { wallet_id: from_wallet, transfer_id, amount: 5, idem_key: 'within, back' });
  await call(db, 'wallet_spend', { wallet_id: to_wallet, amount: 12, idem_key: 'within, spent' });
}
