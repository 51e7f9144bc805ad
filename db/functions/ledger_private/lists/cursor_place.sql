create or replace function ledger_private.cursor_place(argument text, place text)
returns ledger_private.list_place
language plpgsql
immutable
as $$
declare
  v_parts text[] := regexp_match(place,
    '^(0|-?[1-9][0-9]{0,18})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})[.](0|[1-9][0-9]{0,17})$');
  v_micros numeric;
begin
  if place is null then
    return null;
  elsif v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give a cursor of this list as it came.', '{"reason": "malformed"}'));
  end if;
  -- The first and the last instant there is at most: a cursor that was made up leads nowhere, but to no error either.
  v_micros := greatest(least(v_parts[1]::numeric, 9224318015999999999), -210866803200000000);
  -- In days and the rest of a day, for all of it is more than a bigint; without a zone, for in some a day is not 24
  -- hours.
  return row((timestamp 'epoch' + div(v_micros, 86400000000)::int * interval '1 day'
    + mod(v_micros, 86400000000)::bigint * interval '1 microsecond') at time zone 'UTC', v_parts[2]::uuid,
    v_parts[3]::bigint)::ledger_private.list_place;
end
$$;

comment on function ledger_private.cursor_place is
  'The place in an order of instants that a cursor is; nulls without one, WLARG where it is none.';

grant execute on function ledger_private.cursor_place
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
