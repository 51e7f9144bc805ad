create or replace function ledger.holds_status(hold ledger.holds)
returns ledger.hold_status
language sql
stable
return case
  when hold.expires_at <= statement_timestamp() and (ledger.holds_closing(hold)).id is null
    then 'expired'::ledger.hold_status
  else ledger_private.closing_status(ledger.holds_closing(hold))
end;

comment on function ledger.holds_status is
$$@notNull
Whether the hold is open, or what became of it. It is expired from its expiry on, also before that is booked: it
reserves nothing, and cannot be captured or released.$$;

grant execute on function ledger.holds_status
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
