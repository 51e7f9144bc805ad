create or replace function ledger_private.open_hold(wallet_id uuid, hold_id uuid)
returns ledger.holds
language plpgsql
volatile
as $$
declare
  v_hold ledger.holds;
  v_closing ledger.transfers;
begin
  select t.* into v_closing
    from ledger.transfers t
    where t.wallet_id = open_hold.wallet_id and t.hold_id = open_hold.hold_id and t.kind <> 'hold';
  if found then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse('WLHLD',
      format('hold not open: %s', hold_id),
      jsonb_build_object('wallet_id', wallet_id, 'hold_id', hold_id, 'status', ledger_private.closing_status(v_closing),
        -- Its expiry may be booked by this very call, which leaves nothing behind.
        'transfer_id', case when v_closing.idem_key is not null then v_closing.id end),
      'A hold is captured or released once; place a new one.');
  end if;
  select h.* into strict v_hold from ledger.holds h where h.wallet_id = open_hold.wallet_id and h.id = open_hold.hold_id;
  return v_hold;
end
$$;

comment on function ledger_private.open_hold(uuid, uuid) is
  'A hold that is there and not yet captured, released or expired; or refuses with WLHLD.';

revoke all on function ledger_private.open_hold(uuid, uuid) from public;
