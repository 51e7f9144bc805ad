create or replace function ledger_private.above_ceiling(
  wallet_id uuid,
  head ledger.entries,
  kind ledger.transfer_kind,
  change bigint,
  amount bigint
)
returns ledger.refusal
language plpgsql
immutable
as $$
declare
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
  v_largest bigint := greatest(
    coalesce(head.balance, 0) + change,
    coalesce(head.topped_up_total, 0) + case kind when 'top_up' then amount else 0 end,
    coalesce(head.granted_total, 0) + case kind when 'bonus' then amount else 0 end,
    coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end,
    coalesce(head.sent_total, 0) + case when kind = 'transfer' and change < 0 then amount else 0 end);
begin
  if v_largest <= c_max then
    return null;
  end if;
  return ledger_private.limit_exceeded(wallet_id, 'max_balance', c_max, v_largest - amount);
end
$$;

comment on function ledger_private.above_ceiling is
$$WLLIM: an amount would take a wallet's balance, which it changes by change, or a lifetime total above what the ledger counts to; null where it would
not. head is the wallet's newest entry.$$;
