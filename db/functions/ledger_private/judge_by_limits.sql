create or replace function ledger_private.judge_by_limits(asset_code text, entry ledger.entries, other_entry ledger.entries)
returns boolean
language plpgsql
volatile
as $$
declare
  v_limits ledger.asset_limits;
  v_day_before ledger.entries;
begin
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = judge_by_limits.asset_code order by l.seq desc limit 1;
  if num_nonnulls(v_limits.max_daily_top_up, v_limits.max_daily_bonus, v_limits.max_daily_spend) > 0 then
    v_day_before := ledger_private.entry_at(entry.wallet_id, entry.created_at - interval '24 hours');
  end if;
  return ledger_private.judge(entry, other_entry, v_limits, v_day_before);
end
$$;

comment on function ledger_private.judge_by_limits(text, ledger.entries, ledger.entries) is
  'Judges a single call''s entries, as judge() does, by the limits of their asset.';

revoke all on function ledger_private.judge_by_limits(text, ledger.entries, ledger.entries) from public;
