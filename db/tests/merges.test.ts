/** Merged wallets: reversals by the successor, concurrent calls, and verification of all records. */
import { ageTo } from './aged.ts';
import {
  call,
  callAll,
  createDatabase,
  expectSound,
  type Finding,
  inMs,
  newAsset,
  newKey,
  newWallet,
  partsOf,
  postBatch,
  postEach,
  type Receipt,
  refusal,
  tamperedWith,
  waitsForLock,
} from './helpers.ts';
import { sealAll } from './seals.ts';

const IN_2100 = '2100-06-01T00:00:00Z';
const IN_2101 = '2101-06-01T00:00:00Z';

const db = createDatabase();

const book = (name: string, args: Record<string, unknown>) => call(db, name, { idem_key: newKey(), ...args });
const topUp = (wallet_id: string, amount: number) => book('wallet_top_up', { wallet_id, amount });
const bonus = (wallet_id: string, amount: number, expires_at?: string) =>
  book('wallet_bonus', { wallet_id, amount, expires_at });
const spend = (wallet_id: string, amount: number) => book('wallet_spend', { wallet_id, amount });
const transfer = (from_wallet: string, to_wallet: string, amount: number) =>
  book('wallet_transfer', { from_wallet, to_wallet, amount });
const merge = (from_wallet: string, to_wallet: string, args: Record<string, unknown> = {}) =>
  book('wallet_merge', { from_wallet, to_wallet, reason: 'two accounts', ...args });
const reverse = (wallet_id: string, { transfer_id }: Receipt, args: Record<string, unknown> = {}) =>
  book('wallet_reverse', { wallet_id, transfer_id, ...args });
const owedOf = async (wallet: string) =>
  (
    await db.query<{ owed: string }>('select ledger.wallets_owed(w) as owed from ledger.wallets w where id = $1', [
      wallet,
    ])
  ).rows[0]?.owed;
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'receipt',
    (error: unknown) => (error as { code: string }).code,
  );
const newest = async (wallet: string, count: number) =>
  (
    await db.query<{ kind: string; amount: string }>(
      'select kind, amount from ledger.entries where wallet_id = $1 order by seq desc limit $2',
      [wallet, count],
    )
  ).rows
    .map(({ kind, amount }) => `${kind} ${amount}`)
    .reverse();

/** Empty wallets of a new asset. */
async function wallets(count: number): Promise<string[]> {
  const asset = await newAsset(db);
  return Promise.all(Array.from({ length: count }, () => newWallet(db, asset)));
}
async function pair(): Promise<[string, string]> {
  const [from = '', to = ''] = await wallets(2);
  return [from, to];
}

describe('a reversal through the successor', () => {
  it('of a top-up in parts counts what was reversed before the merge', async () => {
    const [from, to] = await pair();
    const bought = await topUp(from, 100);
    await reverse(from, bought, { amount: 30 });
    await merge(from, to);

    expect(await reverse(to, bought, { amount: 50 })).toMatchObject({ wallet_id: to, amount: '50', balance: '20' });
    expect(await refusal(reverse(to, bought, { amount: 21 }))).toMatchObject({ code: 'WLREV', detail: { left: '20' } });
    expect(await reverse(to, bought)).toMatchObject({ amount: '20', balance: '0' });
    expect(await refusal(reverse(to, bought))).toMatchObject({ code: 'WLREV', detail: { left: '0' } });
    await expectSound(db);
  });

  it('of a top-up records a debt for spent credits, and is refused without owe (WLFND)', async () => {
    const [from, to] = await pair();
    const bought = await topUp(from, 100);
    await spend(from, 60);
    await merge(from, to);

    expect(await refusal(reverse(to, bought))).toMatchObject({
      code: 'WLFND',
      detail: { wallet_id: to, missing: '60' },
    });
    expect(await reverse(to, bought, { owe: true })).toMatchObject({ amount: '40', balance: '0', owed: '60' });
    expect(await owedOf(to)).toBe('60');
    await expectSound(db);
  });

  it('of a bonus takes what was left of its own lot, though the merge has joined lots of equal expiry', async () => {
    const [from, to] = await pair();
    const [first, second, unending] = [
      await bonus(from, 20, IN_2100),
      await bonus(from, 30, IN_2100),
      await bonus(from, 7),
    ];
    await spend(from, 15);
    await merge(from, to);
    await bonus(to, 40, IN_2100);
    expect(await partsOf(db, to)).toEqual({ bonus: 7, 2100: 75 });

    expect(await refusal(reverse(to, first))).toMatchObject({ code: 'WLFND', detail: { missing: '15' } });
    expect(await reverse(to, first, { amount: 3 })).toMatchObject({ bonus_amount: '3' });
    expect(await refusal(reverse(to, first, { amount: 3 }))).toMatchObject({ code: 'WLFND', detail: { missing: '1' } });
    expect(await reverse(to, second)).toMatchObject({ amount: '30' });
    expect(await reverse(to, first, { amount: 2 })).toMatchObject({ amount: '2' });
    expect(await reverse(to, unending)).toMatchObject({ amount: '7' });
    expect(await partsOf(db, to)).toEqual({ 2100: 40 });
    await expectSound(db);
  });

  it('of a spend returns paid credits first, then bonus credits as new lots with their expiry', async () => {
    const [from, to] = await pair();
    await topUp(from, 50);
    await bonus(from, 5, IN_2100);
    await bonus(from, 6, IN_2100);
    await bonus(from, 8, IN_2101);
    await bonus(from, 9);
    const spent = await spend(from, 38);
    await reverse(from, spent, { amount: 12 });
    expect(await partsOf(db, from)).toEqual({ paid: 50, bonus: 2 });
    await merge(from, to);

    expect(await reverse(to, spent, { amount: 10 })).toMatchObject({ bonus_amount: '10', balance: '62' });
    expect(await partsOf(db, to)).toEqual({ paid: 50, bonus: 9, 2101: 3 });
    expect(await reverse(to, spent, { amount: 8 })).toMatchObject({ bonus_amount: '8' });
    expect(await partsOf(db, to)).toEqual({ paid: 50, bonus: 9, 2101: 8, 2100: 3 });
    expect(await reverse(to, spent)).toMatchObject({ amount: '8', bonus_amount: '8' });
    expect(await partsOf(db, to)).toEqual({ paid: 50, bonus: 9, 2101: 8, 2100: 11 });
    expect(await refusal(reverse(to, spent))).toMatchObject({ code: 'WLREV', detail: { left: '0' } });
    await spend(to, 15);
    expect(await partsOf(db, to)).toEqual({ paid: 50, bonus: 9, 2101: 4 });
    await expectSound(db);
  });

  it('of a capture books its expired credits to breakage in the same transaction', async () => {
    const [from, to] = await pair();
    await topUp(from, 50);
    const soon = await inMs(db, 3_600_000);
    await bonus(from, 10, soon);
    await bonus(from, 4, IN_2100);
    const held = await book('wallet_hold', { wallet_id: from, amount: 20 });
    const captured = await book('wallet_capture', { wallet_id: from, hold_id: held.hold_id });
    await merge(from, to);
    await ageTo(db, soon);

    const idem_key = newKey();
    const receipt = await reverse(to, captured, { idem_key });
    expect(receipt).toMatchObject({ amount: '20', bonus_amount: '14', balance: '64', available: '54' });
    expect(await newest(to, 2)).toEqual(['reversal 20', 'expiry 10']);
    expect(await reverse(to, captured, { idem_key })).toEqual({ ...receipt, replayed: true });
    expect(await call(db, 'wallet_balance', { wallet_id: to })).toMatchObject({ balance: '54', available: '54' });
    await expectSound(db);
  });

  it('of a transfer takes the credits from the receiver, with the expiry of bonus credits', async () => {
    const [from = '', to = '', friend = ''] = await wallets(3);
    await topUp(from, 50);
    await bonus(from, 10, IN_2100);
    await bonus(from, 4);
    const sent = await transfer(from, friend, 24);
    await merge(from, to);
    expect(await partsOf(db, friend)).toEqual({ paid: 10, bonus: 4, 2100: 10 });

    expect(await reverse(to, sent, { amount: 16 })).toMatchObject({ wallet_id: to, bonus_amount: '6' });
    expect(await partsOf(db, friend)).toEqual({ 2100: 8 });
    expect(await partsOf(db, to)).toEqual({ paid: 50, bonus: 4, 2100: 2 });
    expect(await reverse(to, sent)).toMatchObject({ amount: '8', bonus_amount: '8' });
    expect(await partsOf(db, to)).toEqual({ paid: 50, bonus: 4, 2100: 10 });
    expect(await callAll(db, 'ledger_verify', { wallet_id: friend })).toEqual([]);
    await expectSound(db);
  });

  it('works along a chain of merges, each wallet reversing a part', async () => {
    const [first = '', second = '', third = ''] = await wallets(3);
    const bought = await topUp(first, 100);
    const given = await bonus(first, 20, IN_2100);
    const spent = await spend(first, 16);
    await reverse(first, spent, { amount: 1 });
    await merge(first, second);
    await reverse(second, spent, { amount: 3 });
    await reverse(second, given, { amount: 1 });
    await reverse(second, bought, { amount: 10 });
    await merge(second, third);

    expect(await refusal(reverse(second, spent))).toMatchObject({ code: 'WLCLS', detail: { merged_into: third } });
    expect(await refusal(reverse(first, spent))).toMatchObject({ code: 'WLCLS', detail: { merged_into: second } });
    expect(await refusal(reverse(third, given))).toMatchObject({ code: 'WLFND', detail: { missing: '15' } });
    expect(await reverse(third, given, { amount: 4 })).toMatchObject({ amount: '4' });
    expect(await reverse(third, spent)).toMatchObject({ amount: '12', bonus_amount: '12' });
    expect(await reverse(third, bought)).toMatchObject({ amount: '90' });
    expect(await partsOf(db, third)).toEqual({ 2100: 15 });
    for (const wallet_id of [first, second, third])
      expect(await callAll(db, 'ledger_verify', { wallet_id })).toEqual([]);
    await expectSound(db);
  });

  it('is replayed in a wallet that has been merged since', async () => {
    const [first = '', second = '', third = ''] = await wallets(3);
    const bought = await topUp(first, 100);
    await merge(first, second);
    const idem_key = newKey();
    const receipt = await reverse(second, bought, { idem_key, amount: 10 });
    await merge(second, third);

    expect(await reverse(second, bought, { idem_key, amount: 10 })).toEqual({ ...receipt, replayed: true });
    expect(await refusal(reverse(second, bought, { idem_key, amount: 11 }))).toMatchObject({ code: 'WLKEY' });
  });

  it('books in lists what it books alone, with the merge in the same list', async () => {
    const [from = '', to = '', friend = ''] = await wallets(3);
    const bought = await topUp(from, 100);
    const sent = await transfer(from, friend, 30);
    const item = (transfer_id: string) => ({ kind: 'reversal', wallet_id: to, transfer_id, idem_key: newKey() });

    const outcomes = await postEach(db, [
      item(sent.transfer_id),
      { kind: 'merge', wallet_id: from, counterparty_id: to, idem_key: newKey(), reason: 'x' },
      item(sent.transfer_id),
    ]);
    expect(outcomes.map(({ receipt, refusal: refused }) => receipt?.kind ?? refused?.code)).toEqual([
      'WLNOT',
      'merge',
      'reversal',
    ]);
    expect(await postBatch(db, [item(bought.transfer_id)])).toMatchObject([{ amount: '100', balance: '0' }]);
    await expectSound(db);
  });

  it('of a transfer of an unrelated wallet is not found (WLNOT), nor for a predecessor', async () => {
    const [from = '', to = '', other = ''] = await wallets(3);
    const [bought, later] = [await topUp(from, 100), await topUp(to, 5)];
    await merge(from, to);

    expect(await refusal(reverse(other, bought))).toMatchObject({ code: 'WLNOT' });
    expect(await refusal(reverse(from, later))).toMatchObject({ code: 'WLNOT' });
  });

  it('is refused (WLREV) for a merge, an exchange, and a transfer to the successor; a closed receiver is named (WLCLS)', async () => {
    const [from = '', to = '', friend = '', last = ''] = await wallets(4);
    await topUp(from, 100);
    const [sent, gone] = [await transfer(from, to, 10), await transfer(from, friend, 5)];
    const { rows } = await db.query<{ owner_id: string }>('select owner_id from ledger.wallets where id = $1', [from]);
    const silver = await newWallet(db, await newAsset(db), { owner: rows[0]?.owner_id ?? '' });
    const exchanged = await book('wallet_exchange', { from_wallet: from, to_wallet: silver, amount: 20, to_amount: 7 });
    const back = await book('wallet_exchange', { from_wallet: silver, to_wallet: from, amount: 1, to_amount: 3 });
    const merged = await merge(from, to);
    await merge(friend, last);

    for (const [original, kind] of [
      [sent, 'transfer'],
      [exchanged, 'exchange'],
      [merged, 'merge'],
    ] as const)
      expect(await refusal(reverse(to, original))).toMatchObject({
        code: 'WLREV',
        detail: { wallet_id: from, kind, ...(kind === 'merge' ? { left: '0' } : {}) },
      });
    expect(await refusal(reverse(to, gone))).toMatchObject({ code: 'WLCLS', detail: { merged_into: last } });
    expect(await refusal(reverse(silver, back))).toMatchObject({ code: 'WLCLS', detail: { merged_into: to } });
    await expectSound(db);
  });

  it('is booked once for concurrent calls with one key, and never exceeds the original', async () => {
    const [from, to] = await pair();
    const bought = await topUp(from, 100);
    await merge(from, to);
    const idem_key = newKey();
    const receipts = await Promise.all(Array.from({ length: 16 }, () => reverse(to, bought, { idem_key, amount: 5 })));
    expect(receipts.filter(({ replayed }) => !replayed)).toHaveLength(1);

    const ends = await Promise.all(Array.from({ length: 16 }, () => codeOf(reverse(to, bought, { amount: 10 }))));
    expect(ends.filter((end) => end === 'receipt')).toHaveLength(9);
    expect(ends.filter((end) => end === 'WLREV')).toHaveLength(7);
    await expectSound(db);
  });
});

describe('a merge', () => {
  it('books expiries first: holds are released, and lots go to breakage', async () => {
    const [from, to] = await pair();
    const soon = await inMs(db, 3_600_000);
    await topUp(from, 10);
    await bonus(from, 20, soon);
    await bonus(from, 5, IN_2100);
    await book('wallet_hold', { wallet_id: from, amount: 22, expires_at: soon });
    await ageTo(db, soon);

    expect(await merge(from, to)).toMatchObject({ amount: '15', bonus_amount: '5' });
    expect(await newest(from, 3)).toEqual(['release 0', 'expiry 20', 'merge 15']);
    expect(await partsOf(db, to)).toEqual({ paid: 10, 2100: 5 });
    await expectSound(db);
  });

  it('adds both debts, along a chain', async () => {
    const [first = '', second = '', third = ''] = await wallets(3);
    for (const [wallet, amount] of [
      [first, 30],
      [second, 12],
      [third, 5],
    ] as const) {
      const bought = await topUp(wallet, amount);
      await spend(wallet, amount);
      await reverse(wallet, bought, { owe: true });
    }
    await merge(first, second);
    expect(await owedOf(second)).toBe('42');
    await merge(second, third);

    expect(await Promise.all([first, second, third].map(owedOf))).toEqual(['0', '0', '47']);
    await expectSound(db);
  });

  it('is in the journal, the feed, the history and the blocks, and leaves the trial balance unchanged', async () => {
    const [from, to] = await pair();
    await topUp(from, 100);
    const asset = (
      await db.query<{ asset: string }>('select asset_code as asset from ledger.wallets where id = $1', [to])
    ).rows[0]?.asset;
    const trial = () => callAll<object>(db, 'ledger_trial_balance', { asset_code: asset });
    const before = await trial();
    const { transfer_id } = await merge(from, to);

    expect(await trial()).toEqual(before);
    const { rows: journal } = await db.query(
      'select side, account, wallet_id, amount from ledger.journal where transfer_id = $1 order by side',
      [transfer_id],
    );
    expect(journal).toEqual([
      { side: 'debit', account: 'player', wallet_id: from, amount: '100' },
      { side: 'credit', account: 'player', wallet_id: to, amount: '100' },
    ]);
    const { rows: history } = await db.query(
      `select kind, side, balance, counterparty from ledger.wallet_history($1) where kind = 'merge'
       union all select kind, side, balance, counterparty from ledger.wallet_history($2) where kind = 'merge'`,
      [from, to],
    );
    expect(history).toEqual([
      { kind: 'merge', side: 'debit', balance: '0', counterparty: to },
      { kind: 'merge', side: 'credit', balance: '100', counterparty: from },
    ]);
    const { rows: transfers } = await db.query(
      'select kind, debit_wallet_id, credit_wallet_id, reason, requested_amount from ledger.transfers where id = $1',
      [transfer_id],
    );
    expect(transfers).toEqual([
      { kind: 'merge', debit_wallet_id: from, credit_wallet_id: to, reason: 'two accounts', requested_amount: null },
    ]);
    expect(await sealAll(db)).not.toEqual([]);
    expect(await trial()).toEqual(before);
    await expectSound(db);
  });

  it('stays verified and can be replayed after its reason was blanked, or earlier metadata', async () => {
    const [from, to] = await pair();
    const bought = await book('wallet_top_up', { wallet_id: from, amount: 100, metadata: { name: 'Ann' } });
    const idem_key = newKey();
    const merged = await merge(from, to, { idem_key });
    for (const { transfer_id } of [bought, merged])
      await call<object>(db, 'transfer_redact', { transfer_id, reason: 'a request for erasure' });

    expect(await merge(from, to, { idem_key })).toEqual({ ...merged, replayed: true });
    expect(await refusal(merge(from, to, { idem_key, reason: 'another' }))).toMatchObject({ code: 'WLKEY' });
    expect(await reverse(to, bought)).toMatchObject({ amount: '100' });
    await expectSound(db);
  });

  it('is booked once from 16 callers with one key, and once from 16 with different ones', async () => {
    for (const key of [newKey(), undefined]) {
      const [from, to] = await pair();
      await topUp(from, 100);
      const ends = await Promise.all(
        Array.from({ length: 16 }, () =>
          merge(from, to, { idem_key: key ?? newKey() }).then(
            ({ replayed }) => (replayed ? 'replayed' : 'receipt'),
            (error: unknown) => (error as { code: string }).code,
          ),
        ),
      );
      expect(ends.sort()).toEqual(
        [
          ...Array<string>(key ? 0 : 15).fill('WLCLS'),
          'receipt',
          ...Array<string>(key ? 15 : 0).fill('replayed'),
        ].sort(),
      );
      expect(await call(db, 'wallet_balance', { wallet_id: to })).toMatchObject({ balance: '100' });
    }
    await expectSound(db);
  });

  it('in opposite directions at the same time leaves one wallet, without a deadlock', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [one, two] = await pair();
      await topUp(one, 100);
      await topUp(two, 10);
      const ends = await Promise.all([codeOf(merge(one, two)), codeOf(merge(two, one))]);

      expect(ends.sort()).toEqual(['WLCLS', 'receipt']);
      const balances = await Promise.all([one, two].map((wallet_id) => call(db, 'wallet_balance', { wallet_id })));
      expect(balances.map(({ balance }) => balance).sort()).toEqual(['0', '110']);
    }
    await expectSound(db);
  });

  it('in a ring at the same time leaves at least one wallet, and loses no credits', async () => {
    for (let round = 0; round < 5; round += 1) {
      const ring = await wallets(4);
      for (const wallet of ring) await topUp(wallet, 10);
      const ends = await Promise.all(ring.map((from, index) => codeOf(merge(from, ring[(index + 1) % 4] ?? ''))));

      expect(ends.filter((end) => !['receipt', 'WLCLS'].includes(end))).toEqual([]);
      const balances = await Promise.all(ring.map((wallet_id) => call(db, 'wallet_balance', { wallet_id })));
      expect(balances.reduce((sum, { balance }) => sum + Number(balance), 0)).toBe(40);
    }
    await expectSound(db);
  });

  it('during spends, transfers, holds and refunds keeps all credits in the wallets, and later calls are refused with the successor', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [from = '', to = '', friend = ''] = await wallets(3);
      await topUp(from, 1000);
      await topUp(friend, 1000);
      await bonus(from, 100, IN_2100);
      const spent = await spend(from, 10);
      const calls = Array.from({ length: 6 }, () => [
        () => spend(from, 5),
        () => transfer(from, friend, 3),
        () => transfer(friend, from, 2),
        () => reverse(from, spent, { amount: 1 }),
        async () => {
          const { hold_id } = await book('wallet_hold', { wallet_id: from, amount: 4 });
          return book('wallet_release', { wallet_id: from, hold_id });
        },
      ]).flat();
      const merged = calls.length / 2;
      const merging = async (): Promise<string> => {
        for (let attempt = 0; ; attempt += 1) {
          const end = await codeOf(merge(from, to));
          // A hold is open, which will be released soon.
          if (end !== 'WLARG' || attempt === 1000) return end;
        }
      };
      const work = calls.map((one, index) => (index === merged ? merging() : codeOf(one())));
      const ends = await Promise.all(work);

      expect(ends[merged]).toBe('receipt');
      expect(ends.filter((end) => !['receipt', 'WLCLS'].includes(end))).toEqual([]);
      expect(await call(db, 'wallet_balance', { wallet_id: from })).toMatchObject({ balance: '0', held_balance: '0' });
    }
    await expectSound(db);
  });

  it('waits for a transfer in progress, and takes its result', async () => {
    const [from = '', to = '', friend = ''] = await wallets(3);
    await topUp(from, 100);
    const [open, waiting] = [await db.connect(), await db.connect()];
    await open.query('begin');
    await call(open, 'wallet_transfer', { from_wallet: from, to_wallet: friend, amount: 30, idem_key: newKey() });
    const merging = call(waiting, 'wallet_merge', {
      from_wallet: from,
      to_wallet: to,
      idem_key: newKey(),
      reason: 'two accounts',
    });
    await waitsForLock(db, waiting);
    await open.query('commit');

    expect(await merging).toMatchObject({ amount: '70' });
    await expectSound(db);
  });

  it.each(['repeatable read', 'serializable'])(
    'above READ COMMITTED is correct or 40001, for the wallets and in reversals: %s',
    async (level) => {
      const [from, to] = await pair();
      const bought = await topUp(from, 100);
      const session = await db.connect();
      const key = () => ({ idem_key: newKey() });
      await session.query(`begin isolation level ${level}`);
      await session.query('select');
      await session.query('select count(*) from ledger.wallets');
      await topUp(from, 1);
      const merging = { from_wallet: from, to_wallet: to, reason: 'two accounts' };
      expect(await codeOf(call(session, 'wallet_merge', { ...merging, ...key() }))).toBe('40001');
      await session.query('rollback');

      await session.query(`begin isolation level ${level}`);
      await session.query('select count(*) from ledger.wallets');
      await merge(from, to);
      const reversal = { wallet_id: to, transfer_id: bought.transfer_id };
      expect(await codeOf(call(session, 'wallet_reverse', { ...reversal, ...key() }))).toBe('40001');
      await session.query('rollback');

      await session.query(`begin isolation level ${level}`);
      expect(await call(session, 'wallet_reverse', { ...reversal, ...key() })).toMatchObject({ amount: '100' });
      await session.query('commit');
      await expectSound(db);
    },
  );
});

describe('ledger_verify, of merges', () => {
  let from = '';
  let to = '';
  let other = '';
  const forged: { what: string; rule: string; sql: () => string }[] = [
    {
      what: 'a successor that is another wallet',
      rule: 'wallet_merged',
      sql: () => `update ledger.wallets set merged_into = '${other}' where id = '${from}'`,
    },
    {
      what: 'a successor of a wallet that was never merged',
      rule: 'wallet_merged',
      sql: () => `update ledger.wallets set merged_into = '${to}' where id = '${other}'`,
    },
    {
      what: 'a merged wallet that points nowhere',
      rule: 'transfer_reference',
      sql: () => `update ledger.wallets set merged_into = null where id = '${from}'`,
    },
    {
      what: 'a merged wallet that is open',
      rule: 'wallet_merged',
      sql: () => `update ledger.wallets set status = 'open' where id = '${from}'`,
    },
    {
      what: 'a merge without a reason',
      rule: 'transfer_facts',
      sql: () => `update ledger.entries set metadata = '{}' where wallet_id = '${from}' and kind = 'merge'`,
    },
    {
      what: 'a merge that left something behind',
      rule: 'transfer_reference',
      sql: () =>
        `update ledger.entries set amount = amount - 1, balance = balance + case wallet_id when '${from}' then 1 else -1 end
         where kind = 'merge' and wallet_id in ('${from}', '${to}')`,
    },
    {
      what: 'a merge after which something was booked',
      rule: 'transfer_reference',
      sql: () => `insert into ledger.entries
        select (jsonb_populate_record(e, jsonb_build_object('seq', e.seq + 1, 'transfer_id', uuidv7(), 'kind', 'hold', 'amount', 0,
          'bonus_amount', 0, 'idem_key', 'x'))).* from ledger.entries e where e.wallet_id = '${from}' and e.kind = 'merge'`,
    },
    {
      what: 'a debt that did not arrive',
      rule: 'transfer_reference',
      sql: () => `update ledger.entries set owed = null where wallet_id = '${to}' and owed > 0`,
    },
    {
      what: 'a debt that stayed behind as well',
      rule: 'entry_owed',
      sql: () => `update ledger.entries set owed = 60 where wallet_id = '${from}' and kind = 'merge'`,
    },
    {
      what: 'a lot that did not arrive',
      rule: 'lot_reference',
      sql: () => `delete from ledger.bonus_lots l using ledger.entries e
        where l.wallet_id = '${to}' and e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind = 'merge'`,
    },
    {
      what: 'a lot that arrived with another expiry',
      rule: 'lot_reference',
      sql: () => `update ledger.bonus_lots l set expires_at = '2102-01-01Z' from ledger.entries e
        where l.wallet_id = '${to}' and e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind = 'merge'`,
    },
    {
      what: 'a reversal of what a wallet did that was not merged into this one',
      rule: 'transfer_reversed',
      sql: () => `update ledger.entries set reverses = (select transfer_id from ledger.entries where wallet_id = '${other}' and kind = 'spend')
        where wallet_id = '${to}' and kind = 'reversal'`,
    },
    {
      what: 'more reversed by both wallets than was booked',
      rule: 'transfer_reversed',
      sql: () =>
        `update ledger.entries set amount = amount + 7, requested_amount = requested_amount + 7, bonus_amount = bonus_amount + 7
         where kind = 'reversal' and (wallet_id, seq) = (
           select wallet_id, max(seq) from ledger.entries where wallet_id = '${to}' and kind = 'reversal' group by wallet_id)`,
    },
    {
      what: 'a lot given back with another expiry',
      rule: 'lot_draws',
      sql: () => `update ledger.bonus_lots l set expires_at = '2102-01-01Z' from ledger.entries e
        where l.wallet_id = '${to}' and e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind = 'reversal'`,
    },
    {
      what: 'a lot given back that is larger',
      rule: 'lot_draws',
      sql: () => `update ledger.bonus_lots l set amount = l.amount + 1 from ledger.entries e
        where l.wallet_id = '${to}' and e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind = 'reversal'`,
    },
  ];

  beforeAll(async () => {
    [from = '', to = '', other = ''] = await wallets(3);
    const bought = await topUp(from, 100);
    await spend(from, 100);
    await reverse(from, bought, { owe: true });
    await bonus(from, 30, IN_2100);
    await topUp(from, 40);
    const spent = await spend(from, 25);
    await reverse(from, spent, { amount: 2 });
    await topUp(other, 9);
    await spend(other, 9);
    await topUp(to, 5);
    await merge(from, to);
    await reverse(to, spent, { amount: 4 });
    await reverse(to, spent, { amount: 12 });
  });

  it.each(forged)('finds $what ($rule)', async ({ rule, sql }) => {
    const { edited, rehashed } = await tamperedWith(db, sql(), async (look, rehash) => {
      const before = (await look()).map((finding: Finding) => finding.rule);
      await rehash();
      return { edited: before, rehashed: (await look()).map((finding: Finding) => finding.rule) };
    });

    expect(edited).not.toEqual([]);
    expect(rehashed).toContain(rule);
  });

  it('finds nothing if nothing was edited', async () => {
    for (const wallet_id of [from, to, other]) expect(await callAll(db, 'ledger_verify', { wallet_id })).toEqual([]);
    await expectSound(db);
  });
});
