create or replace function ledger_private.feed_place(argument text, place text, epoch int)
returns table (xid xid8, id uuid)
language plpgsql
stable
as $$
declare
  v_parts text[] := regexp_match(place,
    '^([1-9][0-9]{0,8})[.](0|[1-9][0-9]{0,18})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
begin
  if v_parts is null then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give the cursor of the last event as it came, or null to start.', '{"reason": "malformed"}'));
  end if;
  if v_parts[1]::int <> epoch then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'The ledger was restored since. Start again from null, and skip the transfers that you know by their ids.',
      jsonb_build_object('reason', 'epoch', 'epoch', epoch::text)));
  elsif not exists (
    select from ledger.entries e
      where e.actor is not null and e.xid = v_parts[2]::xid8 and e.transfer_id = v_parts[3]::uuid) then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'The ledger no longer has that event. Start again from null, and skip the transfers that you know by id.',
      '{"reason": "cursor_unknown"}'));
  end if;
  return query select v_parts[2]::xid8, v_parts[3]::uuid;
end
$$;

comment on function ledger_private.feed_place is
  'The place in the feed that a cursor names; WLARG where it is malformed, of another epoch, or unknown.';

grant execute on function ledger_private.feed_place to wallet_service, wallet_operator, wallet_auditor, wallet_job;
