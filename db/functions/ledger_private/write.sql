create or replace function ledger_private.write(
  transfer ledger.transfers,
  entry ledger.entries,
  other_entry ledger.entries default null
)
returns ledger_private.sealed
language plpgsql
volatile
as $$
declare
  v_sealed ledger_private.sealed;
  v_expected int := 1;
  v_written int;
  v_guard text;
begin
  v_sealed := ledger_private.seal(transfer, entry, other_entry);
  transfer := v_sealed.transfer;
  entry := v_sealed.entry;

  -- Opens the guard of the tables for these rows alone. (Assigned, not performed: PERFORM would run a query.)
  v_guard := set_config('ledger.posting', 'on', true);
  -- The entries first: where a head was stale (only above READ COMMITTED can it be), they collide here and the caller
  -- learns that a retry will do, instead of that a key is taken.
  if other_entry.wallet_id is null then
    insert into ledger.entries values (entry.*) on conflict on constraint entries_pkey do nothing;
  else
    v_expected := 2;
    other_entry := v_sealed.other_entry;
    insert into ledger.entries values (entry.*), (other_entry.*) on conflict on constraint entries_pkey do nothing;
  end if;
  get diagnostics v_written = row_count;
  if v_written < v_expected then
    perform ledger_private.refuse_stale();
  end if;
  insert into ledger.transfers values (transfer.*);
  v_guard := set_config('ledger.posting', '', true);
  return v_sealed;
end
$$;

comment on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) is
  'Seals and writes a movement, the acting wallet''s entry and the other''s if it has one, and returns them as written.';

revoke all on function ledger_private.write(ledger.transfers, ledger.entries, ledger.entries) from public;
