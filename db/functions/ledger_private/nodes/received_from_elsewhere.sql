create or replace function ledger_private.received_from_elsewhere()
returns setof ledger.entries
language sql
stable
as $$
  -- Where all wallets are here, no entry is looked at.
  select e.* from ledger.entries e
  where exists (select from ledger_private.node_ranges) and e.actor is null
    and not exists (select from ledger.entries a where a.transfer_id = e.transfer_id and a.actor is not null)
$$;

comment on function ledger_private.received_from_elsewhere is
  'The received entries of movements whose acting wallets another database has; none where all wallets are here.';

grant execute on function ledger_private.received_from_elsewhere to wallet_operator, wallet_auditor, wallet_job;
