/** A month is closed as docs/finance.md says, while players go on: the figures agree with each other, and what is final stays as it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { age, tampering } from './aged.ts';
import { call, callAll, createDatabase, expectSound, newAsset, newKey, newWallet } from './helpers.ts';
import { type Activity, type BalanceAt, bookSome, type JournalLine, someWallets } from './reports.ts';
import { seal, sealAll } from './seals.ts';

const LIMIT_MS = 300_000;
const db = createDatabase();

/** By account, debits above 0: the amount, and of it the bonus part. */
type Sums = Record<string, [amount: bigint, bonus: bigint]>;

function add(sums: Sums, account: string, side: string, amount: string, bonus: string): void {
  const [so, far] = sums[account] ?? [0n, 0n];
  const sign = side === 'debit' ? 1n : -1n;
  sums[account] = [so + sign * BigInt(amount), far + sign * BigInt(bonus)];
}

/** Without accounts that have nothing. */
const some = (sums: Sums): Sums =>
  Object.fromEntries(Object.entries(sums).filter(([, [amount, bonus]]) => amount !== 0n || bonus !== 0n));

interface Month {
  asset: string;
  from: string;
  to: string;
}

/** What finance downloads of a month. */
interface Closing {
  opening: BalanceAt[];
  closing: BalanceAt[];
  journal: JournalLine[];
  activity: Activity[];
}

async function closingOf({ asset, from, to }: Month): Promise<Closing> {
  const balances = async (at: string) =>
    callAll<BalanceAt>(db, 'ledger_balances_at', { at_times: [at], asset_code: asset });
  const period = { asset_code: asset, from_time: from, to_time: to };
  return {
    opening: await balances(from),
    closing: await balances(to),
    journal: await callAll<JournalLine>(db, 'ledger_journal', period),
    activity: await callAll<Activity>(db, 'ledger_activity', { ...period, time_zone: 'Europe/Berlin' }),
  };
}

const isFinal = ({ opening, closing, journal, activity }: Closing): boolean =>
  [...opening, ...closing, ...journal, ...activity].every(({ final }) => final);

/** Account by account, opening + journal = closing, and opening + activity = closing. */
function expectToAgree({ opening, closing, journal, activity }: Closing): void {
  const expected: Sums = {};
  for (const { account, side, balance, bonus_balance } of closing) add(expected, account, side, balance, bonus_balance);
  const byLines: Sums = {};
  const byActivity: Sums = {};
  for (const { account, side, balance, bonus_balance } of opening)
    for (const sums of [byLines, byActivity]) add(sums, account, side, balance, bonus_balance);
  for (const { account, side, amount, bonus_amount } of journal) add(byLines, account, side, amount, bonus_amount);
  for (const { debit, credit, amount, bonus_amount } of activity) {
    add(byActivity, debit, 'debit', amount, bonus_amount);
    add(byActivity, credit, 'credit', amount, bonus_amount);
  }
  expect(some(byLines)).toEqual(some(expected));
  expect(some(byActivity)).toEqual(some(expected));
}

/** And wallet by wallet: its statement's opening + its lines = its statement's closing. */
async function expectWalletsToAgree({ asset, from, to }: Month, journal: JournalLine[]): Promise<void> {
  const { rows } = await db.query<{ id: string; opening: string; closing: string }>(
    `select w.id, (s.opening).balance as opening, (s.closing).balance as closing
     from ledger.wallets w, ledger.wallet_statement(w.id, $2, $3) s where w.asset_code = $1`,
    [asset, from, to],
  );
  expect(rows.length).toBeGreaterThan(5);
  for (const { id, opening, closing } of rows) {
    const moved = journal
      .filter(({ wallet_id }) => wallet_id === id)
      .reduce((sum, { side, amount }) => sum + (side === 'credit' ? BigInt(amount) : -BigInt(amount)), 0n);
    expect([id, BigInt(opening) + moved]).toEqual([id, BigInt(closing)]);
  }
}

describe('the closing of a month', () => {
  it(
    'under load: opening + journal = closing, account by account, and what is final never changes',
    async () => {
      const asset = await newAsset(db);
      const wallets = await someWallets(db, asset, 6);
      // The month before, and a good part of this one, of which some blocks are large.
      for (let turn = 0; turn < 24; turn += 1) {
        await bookSome(db, db, wallets, turn);
        if (turn % 4 !== 0) await sealAll(db);
        await age(db, '2 days 1 hour 7 minutes');
      }
      const pool = db.jobPool(6);
      let isOver = false;
      let blocks = 0;
      const post = async (place: number) => {
        for (let turn = place; !isOver; turn += 1) await bookSome(pool, db, wallets, turn);
      };
      const close = async () => {
        while (!isOver) blocks += (await seal(pool)).length;
      };
      const late = await newWallet(db, asset);
      const slow = await db.connect();
      const until = async (holds: () => boolean | Promise<boolean>) => {
        for (const deadline = Date.now() + LIMIT_MS; !(await holds()); await sleep(5))
          if (Date.now() > deadline) throw new Error('it does not come');
      };
      const more = async (count: number) => {
        const end = blocks + count;
        await until(() => blocks >= end);
      };
      const working = Promise.all([0, 1, 2].map(post).concat(close()));
      let final: Closing;
      let month: Month;
      try {
        await Promise.race([working, more(3)]);
        // Somebody books before the month ends, and commits after it.
        await slow.query('begin');
        await call(slow, 'wallet_top_up', { wallet_id: late, amount: 77, idem_key: newKey() });
        const { rows } = await db.query<{ from: string; to: string }>(
          `select (clock_timestamp() - interval '29 days')::text as from, clock_timestamp()::text as to`,
        );
        month = { asset, from: rows[0]?.from ?? '', to: rows[0]?.to ?? '' };
        await Promise.race([working, more(5)]);

        const provisional = await closingOf(month);
        expect(isFinal(provisional)).toBe(false);
        expect(provisional.opening.every((row) => row.final)).toBe(true);
        expect(provisional.closing.some((row) => row.final)).toBe(false);
        await slow.query('commit');
        await Promise.race([working, until(async () => isFinal(await closingOf(month)))]);

        final = await closingOf(month);
        await Promise.race([working, more(5)]);
        expect(await closingOf(month)).toEqual(final);
      } finally {
        isOver = true;
        await working;
      }
      expect(final.journal.length).toBeGreaterThan(100);
      expect(new Set(final.journal.map(({ kind }) => kind)).size).toBeGreaterThan(4);
      expect(final.journal.filter(({ wallet_id, amount }) => wallet_id === late && amount === '77')).toHaveLength(1);
      expectToAgree(final);
      await expectWalletsToAgree(month, final.journal);
      await sealAll(db);
      expect(await closingOf(month)).toEqual(final);
      await expectSound(db);

      // A clock that was set back books into it once more: that counts in the next month.
      await tampering(db, async (client) => {
        await client.query(
          `update ledger.blocks set final_until = clock_timestamp() + interval '1 hour'
           where seq = (select max(seq) from ledger.blocks)`,
        );
      });
      await bookSome(db, db, wallets, 0);
      await sealAll(db);
      expect(await closingOf(month)).toEqual(final);
      const { to } = month;
      const rest = await callAll<JournalLine>(db, 'ledger_journal', { asset_code: asset, from_time: to });
      const sums: Sums = {};
      for (const { account, side, balance, bonus_balance } of final.closing)
        add(sums, account, side, balance, bonus_balance);
      for (const { account, side, amount, bonus_amount } of rest) add(sums, account, side, amount, bonus_amount);
      const now = await callAll<{ account: string; debit: string; credit: string }>(db, 'ledger_trial_balance', {
        asset_code: asset,
      });
      expect(Object.fromEntries(Object.entries(some(sums)).map(([account, [amount]]) => [account, amount]))).toEqual(
        Object.fromEntries(
          now
            .filter(({ debit, credit }) => debit !== credit)
            .map(({ account, debit, credit }) => [account, BigInt(debit) - BigInt(credit)]),
        ),
      );
    },
    LIMIT_MS,
  );
});
