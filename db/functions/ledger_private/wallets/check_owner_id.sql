create or replace function ledger_private.check_owner_id(owner_id text, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  if ledger_private.is_key(owner_id) is not true then
    perform ledger_private.refuse(ledger_private.invalid_argument(
      argument => 'owner_id',
      hint => 'Send the account number of the player: 1 to 200 characters, no white space at either end.',
      facts => jsonb_build_object('min_length', 1, 'max_length', 200) || facts));
  end if;
end
$$;

comment on function ledger_private.check_owner_id is
  'Refuses with WLARG a text that cannot be an owner id. facts are added to the detail.';
