create or replace function ledger_private.cursor_place(argument text, place text)
returns ledger_private.list_place
language plpgsql
immutable
as $$
declare
  v_parts text[] := regexp_match(place,
    '^(0|-?[1-9][0-9]{0,16})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})[.](0|[1-9][0-9]{0,17})$');
begin
  if place is null then
    return null;
  elsif v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give a cursor of this list as it came.', '{"reason": "malformed"}'));
  end if;
  -- What it says at most: a cursor that was made up leads nowhere, but to no error either.
  return row(timestamptz 'epoch' + greatest(least(v_parts[1]::bigint, 9000000000000000), -9000000000000000)
    * interval '1 microsecond', v_parts[2]::uuid, v_parts[3]::bigint)::ledger_private.list_place;
end
$$;

comment on function ledger_private.cursor_place is
  'The place in an order of instants that a cursor is; nulls without one, WLARG where it is none.';

grant execute on function ledger_private.cursor_place
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
