create or replace function ledger_private.is_here(wallet_id uuid)
returns boolean
language sql
stable
as $$
  select not exists (select from ledger_private.node_ranges)
    or exists (select from ledger_private.node_ranges r where is_here.wallet_id between r.first_id and r.last_id)
$$;

comment on function ledger_private.is_here is 'Whether a wallet with this id belongs to this database.';

grant execute on function ledger_private.is_here to wallet_auditor, wallet_job;
