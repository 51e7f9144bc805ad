create or replace function ledger_private.is_from_elsewhere(entry ledger.entries)
returns boolean
language sql
stable
as $$
  -- Where all wallets are here, no entry is looked up.
  select entry.actor is null
    and (select exists (select from ledger_private.node_ranges))
    and not exists (select from ledger.entries a where a.transfer_id = entry.transfer_id and a.actor is not null)
$$;

comment on function ledger_private.is_from_elsewhere(ledger.entries) is
$$Whether an entry is the received one of a movement whose acting wallet another database has. Where this database has all wallets, there is no
such entry.$$;

revoke all on function ledger_private.is_from_elsewhere(ledger.entries) from public;
grant execute on function ledger_private.is_from_elsewhere(ledger.entries) to wallet_auditor, wallet_job;
