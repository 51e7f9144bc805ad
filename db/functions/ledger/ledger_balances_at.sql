create or replace function ledger.ledger_balances_at(at_times timestamptz[], asset_code text default null)
returns setof ledger.balance_at
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- How many rows there are since the last block, the planner cannot know: it would read all.
set enable_seqscan = off
set jit = off
as $$
declare
  v_times timestamptz[] := array(select distinct u.t from unnest(at_times) u (t) order by u.t);
  v_final_until timestamptz;
begin
  if array_ndims(at_times) is distinct from 1 or cardinality(at_times) > 1000
    or array_position(at_times, null) is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument('at_times', 'Send 1 to 1000 instants.'));
  end if;
  if asset_code is not null then
    perform ledger_private.check_asset(asset_code);
  end if;
  perform ledger_private.feed_epoch();
  v_final_until := (select b.final_until from ledger.blocks b order by b.seq desc limit 1);
  return query
    with sides as (
      select m.at_time, m.asset_code, x.account, x.sign * m.amount as amount, x.sign * m.bonus_amount as bonus_amount
        from ledger_private.totals_before(v_times, ledger_balances_at.asset_code) m
        cross join lateral (values (m.debit, 1), (m.credit, -1)) x (account, sign)
      union all
      -- These are told of also where nothing has moved.
      select t.at_time, a.code, u.account, 0, 0
        from ledger.assets a
        cross join unnest(v_times) t (at_time)
        cross join unnest(
          array['treasury', 'promotions', 'revenue', 'breakage', 'player']::ledger.account[]) u (account)
        where ledger_balances_at.asset_code is null or a.code = ledger_balances_at.asset_code
    ), sums as (
      select s.at_time, s.asset_code, s.account, sum(s.amount) as amount, sum(s.bonus_amount) as bonus_amount,
        -- Where an account has nothing, the side on which it usually has something.
        case sign(sum(s.amount)) when 1 then 'debit' when -1 then 'credit' else
          case when s.account in ('treasury', 'promotions', 'opening', 'receivables', 'losses') then 'debit'
            else 'credit' end
          end::ledger.entry_side as side
      from sides s
      group by s.at_time, s.asset_code, s.account
    )
    select s.at_time, s.asset_code, ledger_private.account_name(s.account), s.side, abs(s.amount),
      case s.side when 'debit' then s.bonus_amount else -s.bonus_amount end, coalesce(s.at_time <= v_final_until, false)
    from sums s
    order by s.at_time, s.asset_code, s.account = 'player', s.account;
end
$$;

comment on function ledger.ledger_balances_at is
$$What each account had at some instants: the house's accounts, and what is owed to players, with the part of it that is
bonus credits. Within an instant and an asset, debits and credits have the same sum. What was booked before an instant
counts, what was booked at it does not, so that balances at fromTime + the activity until toTime = balances at toTime.

A figure is final once no transaction is open that could still book before the instant, which is a minute or two after
it; until then it is provisional. What a clock that was set back books before an instant whose figures are final, counts
in the first period that is not.

- atTimes: 1 to 1000 instants, in any order; for each that is there several times, once.
- assetCode: one asset; all of them if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA); RETRY (55000) where the ledger was moved
and npm run migrate has not run since.$$;

grant execute on function ledger.ledger_balances_at to wallet_operator, wallet_auditor;
