create or replace function ledger_private.write(entries ledger.entries[])
returns void
language plpgsql
volatile
as $$
begin
  -- Above READ COMMITTED a head may be stale. The caller then learns that a retry will do, instead of that a key is
  -- taken.
  perform ledger_private.check_snapshot(array(select distinct e.wallet_id from unnest(entries) e));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries);
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write is
  'Writes entries, hashes included. Opens the guard of the table for these rows alone.';
