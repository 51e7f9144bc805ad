create or replace function ledger_private.may_be_elsewhere(reversal ledger.entries)
returns boolean
language sql
stable
as $$
  select exists (select from ledger_private.node_ranges) and exists (
    select from ledger.entries e
    where e.wallet_id = reversal.wallet_id and e.seq < reversal.seq and e.kind = 'merge' and e.actor is null)
$$;

comment on function ledger_private.may_be_elsewhere is
  'Whether another database may have what a reversal takes back: that of a wallet that was merged into its own.';

grant execute on function ledger_private.may_be_elsewhere to wallet_auditor;
