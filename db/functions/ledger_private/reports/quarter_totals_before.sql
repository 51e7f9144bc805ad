create or replace function ledger_private.quarter_totals_before(
  block_seq bigint,
  at_time timestamptz,
  asset_code text
)
returns setof ledger_private.moved
language sql
stable
as $$
  select quarter_totals_before.at_time, w.asset_code, e.kind, a.debit, a.credit, count(*), sum(e.amount),
    sum(e.bonus_amount)
  from (
    -- Its entries are read only where there are some to tell apart.
    select ledger_private.quarter(quarter_totals_before.at_time, null) as quarter,
      (select p.final_until from ledger.blocks p where p.seq = quarter_totals_before.block_seq - 1) as final_until
  ) q
  cross join lateral ledger_private.movements_of_block(quarter_totals_before.block_seq) e
  -- One look-up for each: joined, all wallets of the asset may be read.
  cross join lateral (select n.asset_code from ledger.wallets n where n.id = e.wallet_id offset 0) w
  cross join lateral ledger_private.accounts_here(e) a
  where exists (select from ledger.house_totals t
      where t.block_seq = quarter_totals_before.block_seq and t.quarter = q.quarter)
    and greatest(e.created_at, q.final_until) >= q.quarter
    and greatest(e.created_at, q.final_until) < quarter_totals_before.at_time
    and (quarter_totals_before.asset_code is null or w.asset_code = quarter_totals_before.asset_code)
  group by 2, 3, 4, 5
$$;

comment on function ledger_private.quarter_totals_before is
$$What a block closed in the quarter of an hour in which an instant lies, and before the instant: from the entries,
since totals are kept by whole quarters.$$;

grant execute on function ledger_private.quarter_totals_before to wallet_operator, wallet_auditor;
