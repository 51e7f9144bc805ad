/** What the tests of reports share: what they have to be, added up from the entries and from the wallets alone. */
import type pg from 'pg';
import { call, newKey, newWallet, type Database, type Session } from './helpers.ts';

export interface BalanceAt {
  at_time: string;
  asset_code: string;
  account: string;
  side: string;
  balance: string;
  bonus_balance: string;
  final: boolean;
}

export interface Activity {
  from_time: string;
  to_time: string;
  kind: string;
  debit: string;
  credit: string;
  movements: string;
  amount: string;
  bonus_amount: string;
  final: boolean;
}

export interface JournalLine {
  cursor: string | null;
  counted_at: string;
  created_at: string;
  transfer_id: string;
  kind: string;
  asset_code: string;
  side: 'debit' | 'credit';
  account: string;
  wallet_id: string | null;
  amount: string;
  bonus_amount: string;
  final: boolean;
}

/** House accounts by the entries that name them, players by the newest entry of each wallet then; debits above 0. */
const BALANCES = `with at_times as (select distinct t from unnest($2::timestamptz[]) t), sides as (
    select t, e.debit as account, e.amount, e.bonus_amount from at_times, ledger.entries e join ledger.wallets w on w.id = e.wallet_id
      where w.asset_code = $1 and e.actor is not null and e.created_at < t
    union all
    select t, e.credit, -e.amount, -e.bonus_amount from at_times, ledger.entries e join ledger.wallets w on w.id = e.wallet_id
      where w.asset_code = $1 and e.actor is not null and e.created_at < t
  )
  select t::text as at_time, account::text, sum(amount)::text as amount, sum(bonus_amount)::text as bonus from sides
    where account <> 'player' group by t, account having sum(amount) <> 0 or sum(bonus_amount) <> 0
  union all
  select t::text, 'players', (-sum(h.balance))::text, (-sum(h.bonus_balance))::text from at_times, ledger.wallets w cross join lateral (
    select e.balance, e.bonus_balance from ledger.entries e where e.wallet_id = w.id and e.created_at < t order by e.seq desc limit 1) h
    where w.asset_code = $1 group by t having sum(h.balance) <> 0
  order by 1, 2`;
const FOUND = `select at_time::text, account, (case side when 'debit' then balance else -balance end)::text as amount,
    (case side when 'debit' then bonus_balance else -bonus_balance end)::text as bonus
  from ledger.ledger_balances_at($2, $1) where balance <> 0 or bonus_balance <> 0 order by 1, 2`;

/** The balances at these instants are the sums of the entries and of the wallets, in one snapshot. */
export async function expectBalances(session: pg.Client, asset: string, at_times: string[]): Promise<void> {
  await session.query('begin isolation level repeatable read');
  try {
    const { rows: expected } = await session.query(BALANCES, [asset, at_times]);
    const { rows: found } = await session.query(FOUND, [asset, at_times]);
    expect(found).toEqual(expected);
  } finally {
    await session.query('rollback');
  }
}

/** All that moved, by kind, accounts and day, is in the activity and in the journal of the asset. */
const MOVED = `select e.kind::text, replace(e.debit::text, 'player', 'players') as debit, replace(e.credit::text, 'player', 'players') as credit,
    date_trunc('day', e.created_at, 'UTC') as day, count(*) as movements, sum(e.amount) as amount, sum(e.bonus_amount) as bonus
  from ledger.entries e join ledger.wallets w on w.id = e.wallet_id
  where w.asset_code = $1 and e.actor is not null and e.amount > 0 group by 1, 2, 3, 4 order by 1, 2, 3, 4`;
const ACTIVITY = `select a.kind::text, a.debit, a.credit, date_trunc('day', a.from_time, 'UTC') as day, a.movements, a.amount, a.bonus_amount as bonus
  from (select date_trunc('day', min(created_at), 'UTC') as first from ledger.entries) f
  cross join lateral ledger.ledger_activity($1, f.first, f.first + interval '900 days', 'day') a order by 1, 2, 3, 4`;
const JOURNAL = `select d.kind::text, d.account as debit, c.account as credit, date_trunc('day', d.created_at, 'UTC') as day,
    count(*) as movements, sum(d.amount) as amount, sum(d.bonus_amount) as bonus
  from ledger.ledger_journal($1) d join ledger.ledger_journal($1) c on c.transfer_id = d.transfer_id and c.side = 'credit'
  where d.side = 'debit' group by 1, 2, 3, 4 order by 1, 2, 3, 4`;

export async function expectActivity(session: pg.Client, asset: string): Promise<void> {
  await session.query('begin isolation level repeatable read');
  try {
    const { rows: expected } = await session.query(MOVED, [asset]);
    expect(expected).not.toEqual([]);
    expect((await session.query(ACTIVITY, [asset])).rows).toEqual(expected);
    expect((await session.query(JOURNAL, [asset])).rows).toEqual(expected);
  } finally {
    await session.query('rollback');
  }
}

/** So many instants, spread evenly at random from the first booking of the asset until a second from now, whole quarters of an hour among them. */
export async function randomInstants(db: Session, asset: string, count: number): Promise<string[]> {
  const { rows } = await db.query<{ at: string }>(
    `select (case when n % 4 = 0 then date_bin('15 min', x, '2000-01-01Z') else x end)::text as at from (
       select n, b.first + random() * (clock_timestamp() + interval '1 second' - b.first) as x from generate_series(1, $2) n, (
         select min(e.created_at) - interval '1 second' as first from ledger.entries e join ledger.wallets w on w.id = e.wallet_id
         where w.asset_code = $1) b) i`,
    [asset, count],
  );
  return rows.map(({ at }) => at);
}

/** Books all kinds of movements in some wallets. */
export async function bookSome(session: Session, db: Session, wallets: string[], turn: number): Promise<void> {
  const [wallet_id = '', other = ''] = [wallets[turn % wallets.length], wallets[(turn + 1) % wallets.length]];
  const key = () => ({ idem_key: newKey() });
  await call(session, 'wallet_top_up', { wallet_id, amount: 10 + (turn % 7), ...key() });
  await call(session, 'wallet_bonus', { wallet_id, amount: 1 + (turn % 3), ...key() });
  const { transfer_id } = await call(session, 'wallet_spend', { wallet_id, amount: 1 + (turn % 9), ...key() });
  await call(session, 'wallet_transfer', { from_wallet: wallet_id, to_wallet: other, amount: 1, ...key() });
  const { hold_id } = await call(session, 'wallet_hold', { wallet_id, amount: 1, ...key() });
  await call(session, turn % 2 === 0 ? 'wallet_capture' : 'wallet_release', { wallet_id, hold_id, ...key() });
  if (turn % 3 === 0) await call(db, 'wallet_reverse', { wallet_id, transfer_id, amount: 1, ...key() });
  const side = turn % 2 === 0 ? 'credit' : 'debit';
  await call(db, 'wallet_adjust', { wallet_id, side, amount: 1 + (turn % 4), reason: 'counted again', ...key() });
}

export const someWallets = (db: Database, asset: string, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => newWallet(db, asset, { bought: 1000, bonus: 50 })));
