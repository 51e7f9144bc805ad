create or replace function ledger_private.write(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_bytes bytea := ledger_private.transfer_bytes(transfer);
  v_written int;
  v_guard text;
begin
  entry.hash := ledger_private.entry_hash(entry.hash, entry, v_bytes);
  other_entry.hash := ledger_private.entry_hash(other_entry.hash, other_entry, v_bytes);

  -- Opens the guard of the tables for these rows alone. (Assigned, not performed: PERFORM would run a query.)
  v_guard := set_config('ledger.posting', 'on', true);
  -- The entries first: where a head was stale (only above READ COMMITTED can it be), they collide here and the caller
  -- learns that a retry will do, instead of that a key is taken.
  insert into ledger.entries values (entry.*), (other_entry.*) on conflict on constraint entries_pkey do nothing;
  get diagnostics v_written = row_count;
  if v_written < 2 then
    raise exception using errcode = '40001', message = 'could not serialize access: a wallet has moved on';
  end if;
  insert into ledger.transfers values (transfer.*);
  v_guard := set_config('ledger.posting', '', true);
  return ledger_private.receipt(transfer, entry, false);
end
$$;

comment on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) is
$$Writes a transfer, the acting wallet's entry and the other's, whose hashes come in as those of the heads that they follow, and
returns the receipt.$$;

revoke all on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) from public;
