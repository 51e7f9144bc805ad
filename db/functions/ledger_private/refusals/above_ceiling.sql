create or replace function ledger_private.above_ceiling(
  wallet_id uuid,
  head ledger.entries,
  kind ledger.transfer_kind,
  change bigint,
  amount bigint
)
returns ledger.refusal
language sql
immutable
as $$
  -- The end is far enough below that of bigint that one more amount never overflows it.
  select ledger_private.limit_exceeded(wallet_id, 'max_balance', 9000000000000000000, l.largest - amount)
  from (select greatest(
    coalesce(head.balance, 0) + change,
    coalesce(head.topped_up_total, 0) + case kind when 'top_up' then amount else 0 end,
    coalesce(head.granted_total, 0) + case kind when 'bonus' then amount else 0 end,
    coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end,
    coalesce(head.sent_total, 0) + case when kind = 'transfer' and change < 0 then amount else 0 end)) l (largest)
  where l.largest > 9000000000000000000
$$;

comment on function ledger_private.above_ceiling is
$$WLLIM: an amount would take a wallet's balance, which it changes by change, or a lifetime total above what the ledger counts to; null where it would
not. head is the wallet's newest entry.$$;
