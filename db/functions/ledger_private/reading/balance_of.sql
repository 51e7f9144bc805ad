create or replace function ledger_private.balance_of(head ledger.entries, at_time timestamptz)
returns ledger.wallet_balance
language plpgsql
stable
as $$
begin
  return row(
    coalesce(head.balance, 0), coalesce(head.bonus_balance, 0), coalesce(head.held_balance, 0),
    coalesce(ledger_private.available_at(head, at_time), 0), coalesce(head.seq, 0), at_time
  )::ledger.wallet_balance;
end
$$;

comment on function ledger_private.balance_of is
  'A wallet''s balances at an instant, from the newest entry that it had then.';

grant execute on function ledger_private.balance_of
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
