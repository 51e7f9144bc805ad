create or replace function ledger_private.is_from_elsewhere(entry ledger.entries)
returns boolean
language sql
stable
as $$
  select exists (
    select from ledger_private.received_from_elsewhere() r where r.wallet_id = entry.wallet_id and r.seq = entry.seq)
$$;

comment on function ledger_private.is_from_elsewhere is
  'Whether an entry is one that was received from a wallet of another database.';

grant execute on function ledger_private.is_from_elsewhere to wallet_operator, wallet_auditor, wallet_job;
