create or replace function ledger_private.has_reason(kind ledger.transfer_kind)
returns boolean
language sql
immutable
return coalesce(kind in ('adjustment', 'forgiveness', 'merge'), false);

comment on function ledger_private.has_reason is
  'Whether a kind comes with a reason, which is kept in its metadata.';

grant execute on function ledger_private.has_reason to wallet_auditor;
