create or replace function ledger_private.block_totals_before(
  block_seq bigint,
  quarter timestamptz,
  key ledger.house_totals
)
returns setof ledger.house_totals
language sql
stable
as $$
  -- Within a block, too, the totals go on from quarter to quarter.
  select l.asset_code, l.kind, l.debit, l.credit, l.block_seq, l.quarter,
    l.total_movements - f.total_movements + f.movements, l.total_amount - f.total_amount + f.amount,
    l.total_bonus_amount - f.total_bonus_amount + f.bonus_amount,
    l.total_amount, l.total_bonus_amount, l.total_movements
  from (
    select t.* from ledger.house_totals t
    where t.asset_code = (key).asset_code and t.kind = (key).kind and t.debit = (key).debit and t.credit = (key).credit
      and t.block_seq = block_totals_before.block_seq and t.quarter < block_totals_before.quarter
    order by t.quarter desc limit 1
  ) l
  cross join lateral (
    select t.* from ledger.house_totals t
    where t.asset_code = (key).asset_code and t.kind = (key).kind and t.debit = (key).debit and t.credit = (key).credit
      and t.block_seq = block_totals_before.block_seq
    order by t.quarter limit 1
  ) f
$$;

comment on function ledger_private.block_totals_before is
$$What a block closed of an asset, kind and accounts in the quarters of an hour before one; no row where that is
nothing.$$;

grant execute on function ledger_private.block_totals_before to wallet_operator, wallet_auditor;
