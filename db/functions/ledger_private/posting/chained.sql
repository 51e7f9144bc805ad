create or replace function ledger_private.chained(entry ledger.entries)
returns ledger.entries
language plpgsql
stable
as $$
begin
  entry.hash := ledger_private.entry_hash(entry.hash, entry);
  return entry;
end
$$;

comment on function ledger_private.chained is
  'An entry, complete, with its own hash; it comes with that of the entry which it follows.';
