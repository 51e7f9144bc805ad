create or replace function ledger_private.house_account(kind ledger.transfer_kind)
returns ledger.house_account
language sql
immutable
-- The values are of their type from the start: a cast afterwards would keep PostgreSQL from inlining this.
return case kind
  when 'top_up' then 'treasury'::ledger.house_account
  when 'bonus' then 'promotions'
  when 'spend' then 'revenue'
  when 'capture' then 'revenue'
  when 'expiry' then 'breakage'
end;

comment on function ledger_private.house_account(ledger.transfer_kind) is
  'The house account on the other side of a movement of this kind; null where the kind does not decide it.';

revoke all on function ledger_private.house_account(ledger.transfer_kind) from public;
grant execute on function ledger_private.house_account(ledger.transfer_kind)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
