create or replace function ledger_private.write_new(entries ledger.entries[])
returns boolean
language plpgsql
volatile
as $$
declare
  v_constraint text;
begin
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.entries select * from unnest(entries);
  perform set_config('ledger.posting', '', true);
  return true;
exception when unique_violation then
  get stacked diagnostics v_constraint = constraint_name;
  if v_constraint <> 'entries_idem_key_wallet_id_key' then
    raise;
  end if;
  return false;
end
$$;

comment on function ledger_private.write_new is
  'Writes entries of locked wallets, all or none; false, and none written, where one of their keys has been used.';
