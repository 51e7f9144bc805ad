create or replace function ledger_private.calling_role()
returns name
language sql
stable
-- The setting "role" is that of the session, also inside a SECURITY DEFINER function.
return coalesce(nullif(current_setting('role'), 'none'), session_user)::name;

comment on function ledger_private.calling_role is
  'The role that calls: the one that the session has taken on, or else its login.';
