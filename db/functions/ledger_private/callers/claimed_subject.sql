create or replace function ledger_private.claimed_subject()
returns text
language sql
stable
-- Bound when it is made: policies call it in sessions whose search_path is the caller's. Whoever has SQL can set any
-- claim, so claims count only where the login of the gateway opened the session: it alone sets them from tokens that it
-- has checked. A claim reverts to an empty text on a pooled connection.
return case when session_user = 'wallet_gateway' then nullif(current_setting('jwt.claims.sub', true), '') end;

comment on function ledger_private.claimed_subject is
  'The subject (sub) of the token that the gateway serves; null in every other session. The only reader of claims.';

grant execute on function ledger_private.claimed_subject to wallet_player;
