create or replace function ledger_private.write_all(transfers ledger.transfers[], entries ledger.entries[])
returns void
language plpgsql
volatile
as $$
declare
  v_written int;
  v_guard text;
begin
  v_guard := set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries) on conflict on constraint entries_pkey do nothing;
  get diagnostics v_written = row_count;
  if v_written < cardinality(entries) then
    perform ledger_private.refuse_stale();
  end if;
  insert into ledger.transfers select * from unnest(transfers);
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) is
  'Writes many transfers and their entries, hashes included, as write() does with one.';

revoke all on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) from public;
