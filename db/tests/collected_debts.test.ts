/** If an asset collects debts, a top-up pays its wallet's debt: in one commit, once, and the receipt has the remaining debt. */
import { newestLines, owedOf, owing, reverseOwing } from './debts.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  newAsset,
  newKey,
  newWallet,
  postBatch,
  postEach,
  refusal,
  rowsOf,
  rulesOf,
  setStatus,
  tamperedWith,
} from './helpers.ts';
import { pageOf } from './pages.ts';

const db = createDatabase();

const topUp = (wallet_id: string, amount: number, args: Record<string, unknown> = {}) =>
  call(db, 'wallet_top_up', { wallet_id, amount, idem_key: newKey(), ...args });
const collects = (asset_code: string, collect_debts = true) =>
  call<{ seq: number; collect_debts: boolean }>(db, 'asset_set', { asset_code, collect_debts });
const balanceOf = async (wallet_id: string) =>
  (await call<{ balance: string }>(db, 'wallet_balance', { wallet_id })).balance;

async function collecting(): Promise<string> {
  const asset = await newAsset(db);
  await collects(asset);
  return asset;
}

describe('a top-up of a wallet that owes', () => {
  it('pays with all of it if the debt is larger', async () => {
    const asset = await collecting();
    const wallet = await owing(db, { asset, owed: 70 });
    const receipt = await topUp(wallet, 40);

    expect(receipt).toMatchObject({ kind: 'top_up', amount: '40', balance: '40', available: '0', owed: '30' });
    expect(await newestLines(db, wallet, 2)).toEqual([
      { kind: 'collection', side: 'debit', debit: 'player', credit: 'receivables', amount: 40, balance: 0, owed: 30 },
      { kind: 'top_up', side: 'credit', debit: 'treasury', credit: 'player', amount: 40, balance: 40, owed: 70 },
    ]);
    expect(await callAll(db, 'ledger_trial_balance', { asset_code: asset })).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ account: 'players', debit: '0', credit: '0' }),
        expect.objectContaining({ account: 'receivables', debit: '30' }),
        expect.objectContaining({ account: 'treasury', debit: '40' }),
      ]),
    );
    expect(await callAll(db, 'wallet_explain', { wallet_id: wallet })).toMatchObject([
      { source: 'debt', amount: '30' },
    ]);
    await expectSound(db);
  });

  it('keeps what remains, and later top-ups pay nothing more', async () => {
    const wallet = await owing(db, { asset: await collecting(), owed: 70 });

    expect(await topUp(wallet, 100)).toMatchObject({ balance: '100', available: '30', owed: '0' });
    expect(await topUp(wallet, 1)).toMatchObject({ balance: '31', available: '31', owed: '0' });
    expect((await newestLines(db, wallet, 3)).map(({ kind }) => kind)).toEqual(['top_up', 'collection', 'top_up']);
    await expectSound(db);
  });

  it('replays its receipt, whatever was booked later, and refuses another amount (WLKEY)', async () => {
    const asset = await collecting();
    const wallet = await owing(db, { asset, owed: 70 });
    const idem_key = newKey();
    const first = await topUp(wallet, 40, { idem_key });
    await topUp(wallet, 50);
    await collects(asset, false);

    expect(await topUp(wallet, 40, { idem_key })).toEqual({ ...first, replayed: true });
    expect(await refusal(topUp(wallet, 41, { idem_key }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount' },
    });
  });

  it('pays once with concurrent calls of one key, and never more than the debt with many keys', async () => {
    const wallet = await owing(db, { asset: await collecting(), owed: 70 });
    const idem_key = newKey();
    const same = await Promise.all(Array.from({ length: 8 }, () => topUp(wallet, 20, { idem_key })));
    expect(new Set(same.map(({ available, owed }) => `${available} ${owed}`))).toEqual(new Set(['0 50']));

    await Promise.all(Array.from({ length: 8 }, () => topUp(wallet, 20)));
    expect([await owedOf(db, wallet), await balanceOf(wallet)]).toEqual(['0', '110']);
    await expectSound(db);
  });

  it('leaves bonus and reserved credits, and pays for a frozen wallet too', async () => {
    const wallet = await owing(db, { asset: await collecting(), owed: 70 });
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 9, idem_key: newKey() });
    await call(db, 'wallet_hold', { wallet_id: wallet, amount: 4, idem_key: newKey() });
    await setStatus(db, wallet, 'frozen');

    expect(await topUp(wallet, 30)).toMatchObject({
      ...{ balance: '39', bonus_balance: '9', held_balance: '4', available: '5', owed: '40' },
    });
    await expectSound(db);
  });

  it('counts for the limits of top-ups as usual, and its payment for none', async () => {
    const asset = await collecting();
    const wallet = await owing(db, { asset, owed: 70 });
    await call(db, 'asset_limit_set', { asset_code: asset, max_balance: 45, max_daily_top_up: 145, max_spend: 1 });

    expect(await refusal(topUp(wallet, 46))).toMatchObject({ code: 'WLLIM', detail: { limit: 'max_balance' } });
    expect(await topUp(wallet, 45)).toMatchObject({ available: '0', owed: '25' });
    expect(await refusal(topUp(wallet, 1))).toMatchObject({ code: 'WLLIM', detail: { limit: 'max_daily_top_up' } });
    await expectSound(db);
  });

  it('pays as one call among many, in lists of both kinds, in order', async () => {
    const asset = await collecting();
    const [wallet, other] = [await owing(db, { asset, owed: 70 }), await newWallet(db, asset, { bought: 5 })];
    const item = (wallet_id: string, amount: number, kind = 'top_up') => ({
      ...{ kind, wallet_id, amount, idem_key: newKey() },
    });

    const outcomes = await postEach(db, [item(wallet, 30), item(other, 1), item(wallet, 5, 'spend'), item(wallet, 30)]);
    expect(outcomes.map(({ receipt, refusal: refused }) => receipt?.owed ?? refused?.code)).toEqual([
      ...['40', '0', 'WLFND', '10'],
    ]);
    const receipts = await postBatch(db, [item(wallet, 30), item(wallet, 5, 'spend'), item(other, 1)]);
    expect(receipts.map(({ available, owed }) => [available, owed])).toEqual([
      ['20', '0'],
      ['15', '0'],
      ['7', '0'],
    ]);
    await expectSound(db);
  });

  it('that names its payment reference is booked once, and pays', async () => {
    const asset = await collecting();
    await call(db, 'asset_set', { asset_code: asset, unique_reference: 'payment' });
    const wallet = await owing(db, { asset, owed: 70 });
    const metadata = { payment: 'one' };

    expect(await topUp(wallet, 20, { metadata })).toMatchObject({ available: '0', owed: '50' });
    expect(await refusal(topUp(wallet, 20, { metadata }))).toMatchObject({ code: 'WLKEY' });
    expect(await owedOf(db, wallet)).toBe('50');
    await expectSound(db);
  });

  it('that is charged back later restores the paid debt, and without owe is refused (WLFND)', async () => {
    const asset = await collecting();
    const wallet = await owing(db, { asset, owed: 70 });
    const bought = await topUp(wallet, 100);

    expect(await refusal(reverseOwing(db, wallet, bought, { owe: false }))).toMatchObject({
      code: 'WLFND',
      detail: { available: '30', missing: '70' },
    });
    expect(await reverseOwing(db, wallet, bought)).toMatchObject({ amount: '30', balance: '0', owed: '70' });
    expect(await topUp(wallet, 80)).toMatchObject({ available: '10', owed: '0' });
    await expectSound(db);
  });

  it.each(['repeatable read', 'serializable'])('pays and replays at %s', async (level) => {
    const wallet = await owing(db, { asset: await collecting(), owed: 70 });
    const idem_key = newKey();
    const client = await db.connect();
    await client.query(`begin isolation level ${level}`);
    const request = { wallet_id: wallet, amount: 40, idem_key };
    const first = await call(client, 'wallet_top_up', request);
    const again = await call(client, 'wallet_top_up', request);
    await client.query('commit');

    expect(first).toMatchObject({ available: '0', owed: '30' });
    expect(again).toEqual({ ...first, replayed: true });
    await expectSound(db);
  });

  it('is allowed to a service, and recorded with the service as actor', async () => {
    const wallet = await owing(db, { asset: await collecting(), owed: 70 });
    const service = await db.connectAs('service', 'shop');
    await call(service, 'wallet_top_up', { wallet_id: wallet, amount: 40, idem_key: newKey() });

    const { rows } = await db.query(
      'select kind, actor, idem_key, requested_amount from ledger.transfers where wallet_id = $1 order by debit_seq desc nulls last limit 1',
      [wallet],
    );
    expect(rows).toEqual([{ kind: 'collection', actor: 'service:shop', idem_key: null, requested_amount: null }]);
    const { rows: actions } = await db.query<{ action: string }>(
      'select action from ledger.operator_actions where wallet_id = $1',
      [wallet],
    );
    expect(actions.map(({ action }) => action)).not.toContain('collection');
    const { keys } = await pageOf(db, 'operator_actions', {
      from: new Date(Date.now() - 3_600_000).toISOString(),
      actor: 'service:shop',
      first: 10,
    });
    expect(keys).toEqual([]);
  });
});

describe('a debt is not collected', () => {
  it('by anything but a top-up', async () => {
    const asset = await collecting();
    const wallet = await owing(db, { asset, owed: 70 });
    const other = await newWallet(db, asset, { bought: 50 });
    const key = () => ({ wallet_id: wallet, idem_key: newKey() });
    const spent = await call(db, 'wallet_transfer', {
      ...{ from_wallet: other, to_wallet: wallet, amount: 9, idem_key: newKey() },
    });
    await call(db, 'wallet_bonus', { ...key(), amount: 8 });
    await call(db, 'wallet_adjust', { ...key(), side: 'credit', amount: 7, reason: 'an error' });
    await call(db, 'wallet_opening', { ...key(), amount: 6 });

    expect(spent).toMatchObject({ owed: '0' });
    expect([await owedOf(db, wallet), await balanceOf(wallet)]).toEqual(['70', '30']);
    await expectSound(db);
  });

  it('if the asset does not collect, or no longer', async () => {
    const asset = await newAsset(db);
    const wallet = await owing(db, { asset, owed: 70 });
    expect(await topUp(wallet, 10)).toMatchObject({ available: '10', owed: '70' });
    await collects(asset);
    // Earlier credits stay: an operator may collect them.
    expect(await topUp(wallet, 10)).toMatchObject({ balance: '20', available: '10', owed: '60' });
    await collects(asset, false);
    expect(await topUp(wallet, 10)).toMatchObject({ available: '20', owed: '60' });
    await collects(asset);
    expect(await topUp(wallet, 60)).toMatchObject({ available: '20', owed: '0' });
    await expectSound(db);
  });

  it('if the call is refused: nothing is booked', async () => {
    const wallet = await owing(db, { asset: await collecting(), owed: 70 });
    const rows = await rowsOf(db, wallet);

    expect(await refusal(topUp(wallet, 0))).toMatchObject({ code: 'WLAMT' });
    expect(await rowsOf(db, wallet)).toEqual(rows);
  });
});

it("a debt that was merged into another wallet is paid by that wallet's top-ups", async () => {
  const asset = await collecting();
  const [from, to] = [await owing(db, { asset, owed: 70 }), await owing(db, { asset, owed: 20 })];
  await call(db, 'wallet_merge', { from_wallet: from, to_wallet: to, idem_key: newKey(), reason: 'two accounts' });

  const bought = await topUp(to, 60);
  expect(bought).toMatchObject({ available: '0', owed: '30' });
  const last = await newWallet(db, asset);
  await call(db, 'wallet_merge', { from_wallet: to, to_wallet: last, idem_key: newKey(), reason: 'three accounts' });
  expect(await reverseOwing(db, last, bought)).toMatchObject({ amount: '0', owed: '90' });
  expect(await topUp(last, 100)).toMatchObject({ available: '10', owed: '0' });
  await expectSound(db);
});

describe('ledger_verify', () => {
  const forged: [what: string, sql: string][] = [
    [
      'that does not follow a top-up',
      "update ledger.entries set kind = 'adjustment', debit = 'adjustments' where wallet_id = $w and seq = 5",
    ],
    ['of less than was owed', 'update ledger.entries set amount = 39 where wallet_id = $w and seq = 6'],
    ['of an asset that has it not', 'update ledger.asset_limits set collect_debts = false where asset_code = $a'],
    ['that an operator would have made', 'update ledger.entries set idem_key = null where wallet_id = $w and seq = 8'],
  ];
  it.each(forged)('finds a collection with %s (transfer_facts)', async (_what, sql) => {
    const asset = await collecting();
    const wallet = await owing(db, { asset, owed: 70 });
    await topUp(wallet, 40);
    await collects(asset, false);
    await topUp(wallet, 5);
    await call(db, 'wallet_collect', { wallet_id: wallet, amount: 5, idem_key: newKey() });
    const { rows } = await db.query<{ kinds: string }>(
      "select string_agg(seq || ' ' || kind, ', ' order by seq) as kinds from ledger.entries where wallet_id = $1 and seq > 4",
      [wallet],
    );
    expect(rows[0]?.kinds).toBe('5 top_up, 6 collection, 7 top_up, 8 collection');

    const rules = await tamperedWith(
      db,
      sql.replace('$w', `'${wallet}'`).replace('$a', `'${asset}'`),
      async (look, rehash) => {
        await rehash();
        return rulesOf(await look(wallet));
      },
    );

    expect(rules).toContain('transfer_facts');
    expect(await callAll(db, 'ledger_verify', { wallet_id: wallet })).toEqual([]);
  });
});
