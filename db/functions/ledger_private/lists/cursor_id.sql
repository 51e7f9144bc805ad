create or replace function ledger_private.cursor_id(argument text, place text)
returns uuid
language plpgsql
immutable
as $$
begin
  if place !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give a cursor of this list as it came.', '{"reason": "malformed"}'));
  end if;
  return place::uuid;
end
$$;

comment on function ledger_private.cursor_id is 'The id that a cursor is; WLARG where it is none.';

grant execute on function ledger_private.cursor_id
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
