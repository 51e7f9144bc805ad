create or replace function ledger_private.link_hash(entry ledger.entries, transfer_bytes bytea)
returns bytea
language plpgsql
stable
as $$
begin
  -- A function of its own: the second entry of a movement finds the expression set up by the first.
  return ledger_private.entry_hash(entry.hash, ledger_private.entry_bytes(entry, transfer_bytes));
end
$$;

comment on function ledger_private.link_hash(ledger.entries, bytea) is
  'The hash of an entry that has yet that of the head which it follows.';

revoke all on function ledger_private.link_hash(ledger.entries, bytea) from public;
