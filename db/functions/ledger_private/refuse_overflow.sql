create or replace function ledger_private.refuse_overflow(entry ledger.entries)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse_limit(entry.wallet_id, 'max_balance', 9000000000000000000,
    greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total) - entry.amount);
end
$$;

comment on function ledger_private.refuse_overflow(ledger.entries) is
  'Refuses with WLLIM an entry that would take a balance or a lifetime total above what the ledger counts to.';

revoke all on function ledger_private.refuse_overflow(ledger.entries) from public;
