create or replace function ledger_private.next_entry(
  wallet ledger.wallets,
  head ledger.entries,
  side ledger.entry_side,
  transfer_id uuid,
  kind ledger.transfer_kind,
  amount bigint,
  bonus_amount bigint,
  held_amount bigint,
  at_time timestamptz
)
returns ledger.entries
language sql
immutable
as $$
  select row(
    wallet.id,
    coalesce(head.seq, 0) + 1,
    transfer_id,
    kind,
    side,
    amount,
    bonus_amount,
    held_amount,
    coalesce(head.balance, 0) + case when side = wallet.normal_side then amount else -amount end,
    coalesce(head.bonus_balance, 0) + case when side = wallet.normal_side then bonus_amount else -bonus_amount end,
    coalesce(head.held_balance, 0) + held_amount,
    coalesce(head.topped_up_total, 0) + case when kind = 'top_up' then amount else 0 end,
    coalesce(head.granted_total, 0) + case when kind = 'bonus' then amount else 0 end,
    coalesce(head.spent_total, 0) + case when kind in ('spend', 'capture') then amount else 0 end,
    head.hash,
    -- A wallet's time never runs backwards, even if the server's clock does.
    greatest(at_time, head.created_at)
  )::ledger.entries
$$;

comment on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) is
$$The entry that follows a wallet's head (null for a wallet without entries). Its hash is still the head's: what write() chains it to.$$;

revoke all on function ledger_private.next_entry(
  ledger.wallets, ledger.entries, ledger.entry_side, uuid, ledger.transfer_kind, bigint, bigint, bigint, timestamptz
) from public;
