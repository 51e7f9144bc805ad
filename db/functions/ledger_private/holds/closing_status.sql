create or replace function ledger_private.closing_status(closing ledger.transfers)
returns ledger.hold_status
language sql
immutable
return (case
  when closing.id is null then 'open'
  when closing.kind = 'capture' then 'captured'
  -- Nobody asked for it.
  when closing.idem_key is null then 'expired'
  else 'released'
end)::ledger.hold_status;

comment on function ledger_private.closing_status is
  'What the movement that ended a hold made of it; open where there is none.';

grant execute on function ledger_private.closing_status
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
