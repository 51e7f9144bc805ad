create or replace function ledger.holds_closing(hold ledger.holds)
returns ledger.transfers
language sql
stable
begin atomic
  select t
  from ledger.transfers t
  where t.wallet_id = hold.wallet_id and t.hold_id = hold.id and t.kind <> 'hold';
end;

comment on function ledger.holds_closing is
$$The movement that ended the hold: a capture or a release; null while it is open, or has expired and that is not booked
yet.$$;

grant execute on function ledger.holds_closing
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
