create or replace function ledger_private.judge(
  entry ledger.entries,
  other_entry ledger.entries,
  limits ledger.asset_limits,
  day_before ledger.entries
)
returns boolean
language plpgsql
volatile
as $$
declare
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
begin
  if greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total, other_entry.balance) > c_max then
    perform ledger_private.check_snapshot(array[entry.wallet_id, other_entry.wallet_id]);
    perform ledger_private.refuse_overflow(case when other_entry.balance > c_max then other_entry else entry end);
  end if;
  if num_nonnulls(limits.max_spend, limits.max_balance, limits.max_daily_top_up, limits.max_daily_bonus, limits.max_daily_spend) > 0 then
    perform ledger_private.check_limits(limits, entry, day_before);
    perform ledger_private.check_limits(limits, other_entry, null);
  end if;
  if entry.balance < entry.held_balance then
    perform ledger_private.check_snapshot(array[entry.wallet_id, other_entry.wallet_id]);
    perform ledger_private.refuse_funds(entry.wallet_id, entry.balance + entry.amount - entry.held_balance, entry.amount);
  end if;
  return true;
end
$$;

comment on function ledger_private.judge(ledger.entries, ledger.entries, ledger.asset_limits, ledger.entries) is
$$True, or refuses what a top-up, bonus, spend or transfer would make of its players' wallets, for limits and then for funds: the entries, not yet
written, of the acting wallet and of the other (null where the house is on the other side).$$;

revoke all on function ledger_private.judge(ledger.entries, ledger.entries, ledger.asset_limits, ledger.entries) from public;
