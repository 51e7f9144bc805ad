create or replace function ledger_private.newest_totals(asset_code text)
returns setof ledger.house_totals
language sql
stable
as $$
  -- From key to key of the index: the newest row of each kind and accounts has the totals of all blocks. There are few
  -- of them, and far more rows.
  select (k.t).*
  from ledger.assets a
  cross join lateral (
    with recursive newest as (
      (
        select t from ledger.house_totals t
        where t.asset_code = a.code
        order by t.kind desc, t.debit desc, t.credit desc, t.block_seq desc, t.quarter desc
        limit 1)
      union all
      select (
        select n from ledger.house_totals n
        where n.asset_code = a.code and (n.kind, n.debit, n.credit) < ((w.t).kind, (w.t).debit, (w.t).credit)
        order by n.kind desc, n.debit desc, n.credit desc, n.block_seq desc, n.quarter desc
        limit 1)
      from newest w
      where (w.t).asset_code is not null
    )
    select n.t from newest n where (n.t).asset_code is not null
  ) k
  where newest_totals.asset_code is null or a.code = newest_totals.asset_code
$$;

comment on function ledger_private.newest_totals is
$$Of each asset (or of one), kind and accounts the newest row of house_totals, which has the totals of all blocks
until now.$$;

grant execute on function ledger_private.newest_totals to wallet_operator, wallet_auditor;
