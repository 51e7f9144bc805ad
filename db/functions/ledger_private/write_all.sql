create or replace function ledger_private.write_all(transfers ledger.transfers[], entries ledger.entries[])
returns boolean
language plpgsql
volatile
as $$
declare
  v_guard text;
begin
  -- Above READ COMMITTED a head may be stale. The caller then learns that a retry will do, instead of that a key is taken.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct e.wallet_id from unnest(entries) e));
  end if;
  -- Opens the guard of the tables for these rows alone. (Assigned, not performed: PERFORM would run a query.)
  v_guard := set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries);
  insert into ledger.transfers select * from unnest(transfers);
  v_guard := set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) is
  'Writes movements, one or many, and their entries, hashes included.';

revoke all on function ledger_private.write_all(ledger.transfers[], ledger.entries[]) from public;
