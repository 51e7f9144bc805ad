create or replace function ledger_private.judge(
  transfer ledger.transfers,
  wallet ledger.wallets,
  head ledger.entries,
  other ledger.wallets,
  other_head ledger.entries,
  held_bonus bigint,
  limits ledger.asset_limits,
  day_before ledger.entries
)
returns ledger_private.judged
language plpgsql
volatile
as $$
declare
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
  v_leaving boolean := transfer.kind in ('spend', 'transfer');
  v_bonus bigint := case transfer.kind
    when 'top_up' then 0
    when 'bonus' then transfer.amount
    else least(transfer.amount, coalesce(head.bonus_balance - held_bonus, 0)) end;
  v_entry ledger.entries := ledger_private.next_entry(wallet, head, case when v_leaving then 'debit'::ledger.entry_side else 'credit' end,
    transfer.id, transfer.kind, transfer.amount, v_bonus, 0, transfer.created_at);
  v_other_entry ledger.entries;
begin
  if other.id is not null then
    v_other_entry := ledger_private.next_entry(
      other, other_head, 'credit', transfer.id, transfer.kind, transfer.amount, v_bonus, 0, transfer.created_at);
  end if;
  if v_other_entry.balance > c_max
    or greatest(v_entry.balance, v_entry.topped_up_total, v_entry.granted_total, v_entry.spent_total) > c_max then
    perform ledger_private.check_snapshot(array[wallet.id, other.id]);
    perform ledger_private.refuse_overflow(case when v_other_entry.balance > c_max then v_other_entry else v_entry end);
  end if;
  if num_nonnulls(limits.max_spend, limits.max_balance, limits.max_daily_top_up, limits.max_daily_bonus, limits.max_daily_spend) > 0 then
    perform ledger_private.check_limits(limits, v_entry, day_before);
    perform ledger_private.check_limits(limits, v_other_entry, null);
  end if;
  if v_entry.balance < v_entry.held_balance then
    perform ledger_private.check_snapshot(array[wallet.id, other.id]);
    perform ledger_private.refuse_funds(wallet.id, v_entry.balance + transfer.amount - v_entry.held_balance, transfer.amount);
  end if;
  return row(v_bonus, v_entry, v_other_entry);
end
$$;

comment on function ledger_private.judge(
  ledger.transfers, ledger.wallets, ledger.entries, ledger.wallets, ledger.entries, bigint, ledger.asset_limits, ledger.entries
) is
$$What a top-up, bonus, spend or transfer makes of its players' wallets (other is null where the house is on the other side): its bonus part and the
entries after their heads. Or refuses, for limits and then for funds. Nothing is due in the wallets; held_bonus is what of the acting wallet's bonus
credits is reserved.$$;

revoke all on function ledger_private.judge(
  ledger.transfers, ledger.wallets, ledger.entries, ledger.wallets, ledger.entries, bigint, ledger.asset_limits, ledger.entries
) from public;
