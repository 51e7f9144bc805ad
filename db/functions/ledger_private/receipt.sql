create or replace function ledger_private.receipt(
  transfer ledger.transfers,
  entry ledger.entries,
  replayed boolean
)
returns ledger.receipt
language sql
immutable
as $$
  select row(
    transfer.id, entry.wallet_id, entry.seq, transfer.kind, transfer.amount, transfer.bonus_amount,
    entry.balance, entry.bonus_balance, entry.held_balance, entry.balance - entry.held_balance,
    transfer.hold_id, replayed, entry.created_at
  )::ledger.receipt
$$;

comment on function ledger_private.receipt(ledger.transfers, ledger.entries, boolean) is
  'The receipt of a transfer, from it and the acting wallet''s entry.';

revoke all on function ledger_private.receipt(ledger.transfers, ledger.entries, boolean) from public;
