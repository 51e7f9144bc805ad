create or replace function ledger_private.is_rare_key(idem_key text)
returns boolean
language sql
stable
begin atomic
  select count(*) <= 2000
  from (select from ledger.entries e where e.idem_key = is_rare_key.idem_key limit 2001) k;
end;

comment on function ledger_private.is_rare_key is
  'Whether so few movements have an idempotency key, each in its wallet, that a page can look at all of them.';

grant execute on function ledger_private.is_rare_key
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
