create or replace function ledger_private.actor()
returns text
language plpgsql
stable
as $$
begin
  -- One branch is set up, not both.
  if session_user <> 'wallet_gateway' then
    return 'db:' || session_user;
  end if;
  -- The setting "role" is the role that the gateway took on for this request, also inside a SECURITY DEFINER function.
  return replace(current_setting('role'), 'wallet_', '') || ':' || coalesce(ledger_private.claimed_subject(), '');
end
$$;

comment on function ledger_private.actor is
  'Who is calling: role and subject of the gateway''s token, or db: and the database login.';
