create or replace function ledger.ledger_trial_balance(asset_code text default null)
returns setof ledger.trial_balance
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- How many rows there are since the last block, the planner cannot know: it would read all.
set enable_seqscan = off
set jit = off
as $$
  with place as materialized (
    -- Where the ledger was moved, ids of transactions mean nothing until a new epoch begins: then all rows are added
    -- up.
    select m.moved, case when not m.moved then ledger_private.closed_snapshot() end as snapshot
    from (select ledger_private.is_moved() as moved) m
  ), movements as (
    select n.asset_code, n.debit, n.credit, n.total_amount as amount
    from ledger_private.newest_totals(ledger_trial_balance.asset_code) n
    where not (select p.moved from place p)
    union all
    select w.asset_code, a.debit, a.credit, e.amount
    from ledger_private.rows_since((select p.snapshot from place p)) e
    join ledger.wallets w on w.id = e.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
  ), sides as (
    select m.asset_code, m.debit as account, m.amount from movements m
    union all
    select m.asset_code, m.credit, -m.amount from movements m
    union all
    -- These are told of also where nothing has moved.
    select a.code, u.account, 0 from ledger.assets a
      cross join unnest(array['treasury', 'promotions', 'revenue', 'breakage']::ledger.account[]) u (account)
  )
  select s.asset_code, ledger_private.account_name(s.account), greatest(sum(s.amount), 0),
    greatest(-sum(s.amount), 0)
  from sides s
  where ledger_trial_balance.asset_code is null or s.asset_code = ledger_trial_balance.asset_code
  group by s.asset_code, s.account
  order by s.asset_code, s.account = 'player', s.account
$$;

comment on function ledger.ledger_trial_balance is
$$The trial balance: per asset and account what it has, on the side where it has it. Within an asset, debits and credits
have the same sum. It is right at any moment; it takes milliseconds where blocks are closed, and longer the more was
booked since the last one.

- assetCode: one asset; all of them if left out.$$;

grant execute on function ledger.ledger_trial_balance to wallet_operator, wallet_auditor;
