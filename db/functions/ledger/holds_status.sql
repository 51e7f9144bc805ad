create or replace function ledger.holds_status(hold ledger.holds)
returns ledger.hold_status
language sql
stable
return ledger_private.closing_status(ledger.holds_closing(hold));

comment on function ledger.holds_status(ledger.holds) is
$$@notNull
Whether the hold is open, or what became of it. A hold whose expiry has passed is open until that is booked, and cannot be captured.$$;

revoke all on function ledger.holds_status(ledger.holds) from public;
grant execute on function ledger.holds_status(ledger.holds)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
