create or replace function ledger_private.in_utc(instant timestamptz)
returns jsonb
language sql
stable
strict
set timezone = 'UTC'
as $$
  select to_jsonb(instant)
$$;

comment on function ledger_private.in_utc is
  'An instant as refusals show it: as JSON writes timestamps, in UTC, whatever the zone of the session.';

grant execute on function ledger_private.in_utc
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
