/**
 * The part of a chargeback that a wallet cannot cover becomes its debt: recorded, paid, forgiven, verified, and never a negative balance.
 */
import { newestLines, owedOf, reverseOwing } from './debts.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type Finding,
  newAsset,
  newKey,
  newWallet,
  postBatch,
  postEach,
  type Receipt,
  refusal,
  rowsOf,
  setStatus,
  tamperedWith,
} from './helpers.ts';

const db = createDatabase();

const topUp = (wallet_id: string, amount: number) =>
  call(db, 'wallet_top_up', { wallet_id, amount, idem_key: newKey() });
const spend = (wallet_id: string, amount: number) =>
  call(db, 'wallet_spend', { wallet_id, amount, idem_key: newKey() });
const reverse = (wallet: string, bought: Receipt, args: Record<string, unknown> = {}) =>
  reverseOwing(db, wallet, bought, args);
const trialOf = async (asset: string) =>
  Object.fromEntries(
    (
      await callAll<{ account: string; debit: string; credit: string }>(db, 'ledger_trial_balance', {
        asset_code: asset,
      })
    ).map(({ account, debit, credit }) => [account, Number(debit) - Number(credit)]),
  );

/** A wallet that topped up 100 and spent `spent` of it, and its top-up. */
async function chargedBack(spent: number) {
  const asset = await newAsset(db);
  const wallet = await newWallet(db, asset);
  const bought = await topUp(wallet, 100);
  if (spent > 0) await spend(wallet, spent);
  return { asset, wallet, bought };
}

describe('a top-up that is reversed with owe', () => {
  it('takes the available credits and records the rest as a debt, in one call', async () => {
    const { asset, wallet, bought } = await chargedBack(70);

    const receipt = await reverse(wallet, bought);
    expect(receipt).toMatchObject({ kind: 'reversal', amount: '30', balance: '0', owed: '70', replayed: false });
    expect(await newestLines(db, wallet, 2)).toEqual([
      { kind: 'reversal', side: 'debit', debit: 'player', credit: 'treasury', amount: 30, balance: 0, owed: 70 },
      { kind: 'debt', side: 'debit', debit: 'receivables', credit: 'treasury', amount: 70, balance: 30, owed: 70 },
    ]);
    expect(await owedOf(db, wallet)).toBe('70');
    expect(await trialOf(asset)).toEqual({
      players: 0,
      treasury: 0,
      promotions: 0,
      breakage: 0,
      revenue: -70,
      receivables: 70,
    });
    expect(await refusal(reverse(wallet, bought))).toMatchObject({ code: 'WLREV', detail: { left: '0' } });
    await expectSound(db);
  });

  it('becomes a debt completely if nothing is available, and not at all if everything is', async () => {
    const gone = await chargedBack(100);
    expect(await reverse(gone.wallet, gone.bought)).toMatchObject({ amount: '0', balance: '0', owed: '100' });

    const there = await chargedBack(0);
    expect(await reverse(there.wallet, there.bought)).toMatchObject({ amount: '100', balance: '0', owed: '0' });
    expect((await newestLines(db, there.wallet, 2)).map(({ kind }) => kind)).toEqual(['reversal', 'top_up']);
    await expectSound(db);
  });

  it('in parts owes in parts, and no more than its amount', async () => {
    const { wallet, bought } = await chargedBack(80);

    expect(await reverse(wallet, bought, { amount: 50 })).toMatchObject({ amount: '20', owed: '30' });
    expect(await reverse(wallet, bought, { amount: 10 })).toMatchObject({ amount: '0', owed: '40' });
    expect(await refusal(reverse(wallet, bought, { amount: 41 }))).toMatchObject({
      code: 'WLREV',
      detail: { left: '40', requested: '41' },
    });
    expect(await reverse(wallet, bought)).toMatchObject({ amount: '0', owed: '80' });
    await expectSound(db);
  });

  it('leaves bonus and reserved credits', async () => {
    const { wallet, bought } = await chargedBack(60);
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 7, idem_key: newKey() });
    const held = await call(db, 'wallet_hold', { wallet_id: wallet, amount: 20, idem_key: newKey() });

    // The hold reserves the 7 bonus credits first, then 13 of 40 paid ones.
    expect(await reverse(wallet, bought)).toMatchObject({
      amount: '27',
      balance: '20',
      held_balance: '20',
      owed: '73',
    });
    await call(db, 'wallet_capture', { wallet_id: wallet, hold_id: held.hold_id, idem_key: newKey() });
    expect(await owedOf(db, wallet)).toBe('73');
    await expectSound(db);
  });

  it('replays its receipt, with or without owe', async () => {
    const { wallet, bought } = await chargedBack(70);
    const again = { transfer_id: bought.transfer_id, wallet_id: wallet, idem_key: newKey() };
    const first = await call(db, 'wallet_reverse', { ...again, owe: true });
    await topUp(wallet, 5);
    await call(db, 'wallet_collect', { wallet_id: wallet, amount: 5, idem_key: newKey() });

    for (const owe of [true, false]) {
      expect(await call(db, 'wallet_reverse', { ...again, owe })).toEqual({ ...first, replayed: true });
    }
    expect(await refusal(call(db, 'wallet_reverse', { ...again, owe: true, amount: 1 }))).toMatchObject({
      code: 'WLKEY',
    });
  });

  it('owes once with concurrent calls of one key', async () => {
    const { wallet, bought } = await chargedBack(70);
    const idem_key = newKey();
    const receipts = await Promise.all(Array.from({ length: 16 }, () => reverse(wallet, bought, { idem_key })));

    expect(receipts.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(receipts.map(({ transfer_id }) => transfer_id)).size).toBe(1);
    expect(await owedOf(db, wallet)).toBe('70');
  });

  it('is refused as before without owe: INSUFFICIENT_FUNDS (WLFND), and nothing is booked', async () => {
    const { wallet, bought } = await chargedBack(70);
    const rows = await rowsOf(db, wallet);

    expect(await refusal(reverse(wallet, bought, { owe: false }))).toMatchObject({
      code: 'WLFND',
      detail: { missing: '70' },
    });
    expect(await rowsOf(db, wallet)).toEqual(rows);
  });

  it.each(['wallet_bonus', 'wallet_spend'])('does not apply to anything but a top-up: %s (WLREV)', async (name) => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 50 });
    const original = await call(db, name, { wallet_id: wallet, amount: 10, idem_key: newKey() });

    expect(await refusal(reverse(wallet, original))).toMatchObject({
      code: 'WLREV',
      message: expect.stringMatching(/^not reversible: no debt of a /) as string,
    });
  });

  it('owes in a list what it owes alone, in independent calls and in a batch', async () => {
    const [one, two] = [await chargedBack(70), await chargedBack(90)];
    const request = ({ wallet, bought }: typeof one) => ({
      kind: 'reversal',
      wallet_id: wallet,
      transfer_id: bought.transfer_id,
      idem_key: newKey(),
      owe: true,
    });

    expect((await postEach(db, [request(one)]))[0]?.receipt).toMatchObject({ amount: '30', owed: '70' });
    expect(await postBatch(db, [request(two)])).toMatchObject([{ amount: '10', owed: '90' }]);
    expect(
      await refusal(postBatch(db, [{ kind: 'top_up', wallet_id: one.wallet, amount: 1, idem_key: 'x', owe: true }])),
    ).toMatchObject({
      code: 'WLARG',
      detail: { argument: 'owe' },
    });
  });
});

describe('a wallet that owes', () => {
  it('books everything else as before, alone and in lists, and each receipt has the debt', async () => {
    const { asset, wallet, bought } = await chargedBack(70);
    await reverse(wallet, bought);
    const other = await newWallet(db, asset, { bought: 50 });
    const key = () => ({ wallet_id: wallet, idem_key: newKey() });

    expect(await topUp(wallet, 40)).toMatchObject({ balance: '40', owed: '70' });
    expect(await spend(wallet, 5)).toMatchObject({ balance: '35', owed: '70' });
    expect(await call(db, 'wallet_bonus', { ...key(), amount: 3, expires_at: '2100-01-01' })).toMatchObject({
      owed: '70',
    });
    const sent = { from_wallet: wallet, to_wallet: other, amount: 4, idem_key: newKey() };
    expect(await call(db, 'wallet_transfer', sent)).toMatchObject({ owed: '70' });
    const got = { from_wallet: other, to_wallet: wallet, amount: 9, idem_key: newKey() };
    expect(await call(db, 'wallet_transfer', got)).toMatchObject({ wallet_id: other, owed: '0' });
    const held = await call(db, 'wallet_hold', { ...key(), amount: 6 });
    expect(held).toMatchObject({ owed: '70' });
    expect(await call(db, 'wallet_release', { ...key(), hold_id: held.hold_id })).toMatchObject({ owed: '70' });
    const items = ['top_up', 'spend'].map((kind) => ({ kind, ...key(), amount: 1 }));
    expect((await postEach(db, items)).map(({ receipt }) => receipt?.owed)).toEqual(['70', '70']);
    expect(
      (
        await postBatch(
          db,
          items.map((item) => ({ ...item, ...key() })),
        )
      ).map(({ owed }) => owed),
    ).toEqual(['70', '70']);
    expect(await owedOf(db, wallet)).toBe('70');
    await expectSound(db);
  });

  it('with usual calls in lists has the debt in their receipts, too', async () => {
    const { wallet, bought } = await chargedBack(70);
    await reverse(wallet, bought);
    const items = (count: number) =>
      Array.from({ length: count }, () => ({ kind: 'top_up', wallet_id: wallet, amount: 1, idem_key: newKey() }));

    expect((await postEach(db, items(2))).map(({ receipt }) => receipt?.owed)).toEqual(['70', '70']);
    expect((await postBatch(db, items(2))).map(({ owed }) => owed)).toEqual(['70', '70']);
    expect(await owedOf(db, wallet)).toBe('70');
  });

  it('is explained with its debt after the parts of its balance', async () => {
    const { wallet, bought } = await chargedBack(70);
    await reverse(wallet, bought);
    await topUp(wallet, 40);

    expect(await callAll(db, 'wallet_explain', { wallet_id: wallet })).toMatchObject([
      { source: 'paid', amount: '40', available: '40' },
      { source: 'debt', amount: '70', available: '0', transfer_id: null, hold_id: null },
    ]);
  });

  it('cannot be closed (WLARG) until it has paid', async () => {
    const { wallet, bought } = await chargedBack(100);
    await reverse(wallet, bought);

    expect(await refusal(call(db, 'wallet_close', { wallet_id: wallet, reason: 'gone' }))).toMatchObject({
      code: 'WLARG',
      detail: { owed: '100' },
    });
    await call(db, 'wallet_forgive', { wallet_id: wallet, amount: 100, idem_key: newKey(), reason: 'gone' });
    expect(await call(db, 'wallet_close', { wallet_id: wallet, reason: 'gone' })).toMatchObject({ status: 'closed' });
  });

  it('pays its debt while it is frozen, and never twice with concurrent calls', async () => {
    const { asset, wallet, bought } = await chargedBack(100);
    await reverse(wallet, bought);
    await topUp(wallet, 1000);
    await setStatus(db, wallet, 'frozen');
    const collect = () =>
      call(db, 'wallet_collect', { wallet_id: wallet, amount: 30, idem_key: newKey() }).then(
        () => 1,
        (error: unknown) => (error as { code: string }).code,
      );

    const ends = await Promise.all(Array.from({ length: 8 }, collect));
    expect(ends.filter((end) => end === 1)).toHaveLength(3);
    expect(ends.filter((end) => end === 'WLLIM')).toHaveLength(5);
    expect(await owedOf(db, wallet)).toBe('10');
    expect(await trialOf(asset)).toMatchObject({ players: -910, receivables: 10 });
    await expectSound(db);
  });
});

describe('ledger_verify of debts', () => {
  const forged: { what: string; rule: string; sql: (wallet: string) => string }[] = [
    {
      what: 'a debt that was made smaller',
      rule: 'entry_owed',
      sql: (wallet) => `update ledger.entries set owed = 69 where wallet_id = '${wallet}' and owed = 70`,
    },
    {
      what: 'a debt that was forgotten',
      rule: 'entry_owed',
      sql: (wallet) => `update ledger.entries set owed = null where wallet_id = '${wallet}'`,
    },
    {
      what: 'a debt of another account',
      rule: 'transfer_sides',
      sql: (wallet) => `update ledger.entries set debit = 'losses' where wallet_id = '${wallet}' and kind = 'debt'`,
    },
    {
      what: 'a debt of no reversal',
      rule: 'transfer_facts',
      sql: (wallet) =>
        `update ledger.entries set kind = 'spend', credit = 'revenue', reverses = null where wallet_id = '${wallet}' and kind = 'reversal'`,
    },
    {
      what: 'a debt that was given up for no reason',
      rule: 'transfer_facts',
      sql: (wallet) =>
        `update ledger.entries set metadata = metadata - 'reason' where wallet_id = '${wallet}' and kind = 'forgiveness'`,
    },
    {
      what: 'a collection on another account',
      rule: 'transfer_sides',
      sql: (wallet) =>
        `update ledger.entries set credit = 'revenue' where wallet_id = '${wallet}' and kind = 'collection'`,
    },
  ];
  let wallet = '';

  beforeAll(async () => {
    const made = await chargedBack(70);
    wallet = made.wallet;
    await reverse(wallet, made.bought);
    await topUp(wallet, 20);
    await call(db, 'wallet_collect', { wallet_id: wallet, amount: 20, idem_key: newKey() });
    await call(db, 'wallet_forgive', { wallet_id: wallet, amount: 10, idem_key: newKey(), reason: 'a gesture' });
  });

  it.each(forged)('finds $what ($rule)', async ({ rule, sql }) => {
    const rules = async (look: (wallet?: string) => Promise<Finding[]>, rehash: () => Promise<unknown>) => {
      const edited = (await look(wallet)).map((finding) => finding.rule);
      await rehash();
      return { edited, rehashed: (await look(wallet)).map((finding) => finding.rule) };
    };
    const { edited, rehashed } = await tamperedWith(db, sql(wallet), rules);

    expect(edited).toContain('entry_hash');
    expect(rehashed).toContain(rule);
  });

  it('finds nothing if nothing was edited, and the debt is what was neither paid nor forgiven', async () => {
    expect(await callAll(db, 'ledger_verify', { wallet_id: wallet })).toEqual([]);
    expect(await owedOf(db, wallet)).toBe('40');
  });
});
