create or replace function ledger_private.newest_totals()
returns setof ledger.house_totals
language sql
stable
as $$
  -- From key to key of the index: there are few of them, and far more rows.
  with recursive newest as (
    (
      select t from ledger.house_totals t
      order by t.asset_code desc, t.kind desc, t.debit desc, t.credit desc, t.block_seq desc, t.quarter desc
      limit 1)
    union all
    select (
      select n from ledger.house_totals n
      where (n.asset_code, n.kind, n.debit, n.credit) < ((w.t).asset_code, (w.t).kind, (w.t).debit, (w.t).credit)
      order by n.asset_code desc, n.kind desc, n.debit desc, n.credit desc, n.block_seq desc, n.quarter desc
      limit 1)
    from newest w
    where (w.t).asset_code is not null
  )
  select (w.t).* from newest w where (w.t).asset_code is not null
$$;

comment on function ledger_private.newest_totals is
  'The newest row of house_totals for each asset, kind and accounts: its totals are those of all blocks.';

grant execute on function ledger_private.newest_totals to wallet_auditor;
