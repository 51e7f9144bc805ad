create or replace function ledger_private.linked(entry ledger.entries, other ledger.entries)
returns ledger.entries
language plpgsql
stable
as $$
begin
  entry.to_wallet := other.wallet_id;
  entry.to_seq := other.seq;
  return ledger_private.chained(entry);
end
$$;

comment on function ledger_private.linked is
  'An entry, complete, with the one of the other asset that is booked with it, and with its own hash.';
