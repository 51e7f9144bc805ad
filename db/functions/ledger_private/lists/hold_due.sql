create or replace function ledger_private.hold_due(argument text, hold_id uuid)
returns timestamptz
language plpgsql
stable
as $$
declare
  v_due timestamptz;
begin
  if hold_id is null then
    return null;
  end if;
  select coalesce(e.expires_at, 'infinity') into v_due
    from ledger.entries e where e.transfer_id = hold_due.hold_id and e.actor is not null and e.kind = 'hold';
  if not found then
    perform ledger_private.refuse(ledger_private.invalid_argument(argument,
      'Give a cursor of this list as it came.', '{"reason": "cursor_unknown"}'));
  end if;
  return v_due;
end
$$;

comment on function ledger_private.hold_due is
  'When the hold that a cursor names is due, infinity for never; null without one, WLARG where it names none.';

grant execute on function ledger_private.hold_due
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
