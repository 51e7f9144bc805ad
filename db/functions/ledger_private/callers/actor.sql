create or replace function ledger_private.actor()
returns text
language sql
stable
as $$
  -- The setting "role" is the role that the gateway took on for this request, also inside a SECURITY DEFINER function.
  select case when session_user = 'wallet_gateway'
    then replace(current_setting('role'), 'wallet_', '') || ':' || coalesce(ledger_private.claimed_subject(), '')
    else 'db:' || session_user end
$$;

comment on function ledger_private.actor() is
  'Who is calling: role and subject of the gateway''s token, or db: and the database login.';

revoke all on function ledger_private.actor() from public;
