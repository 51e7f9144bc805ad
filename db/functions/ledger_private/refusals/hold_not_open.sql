create or replace function ledger_private.hold_not_open(wallet_id uuid, hold_id uuid)
returns ledger.refusal
language plpgsql
stable
as $$
declare
  v_closing ledger.transfers;
begin
  select t.* into v_closing
    from ledger.transfers t
    where t.wallet_id = hold_not_open.wallet_id and t.hold_id = hold_not_open.hold_id and t.kind <> 'hold';
  if not found then
    return null;
  end if;
  return ledger_private.refusal('WLHLD',
    format('hold not open: %s', hold_id),
    jsonb_build_object('wallet_id', wallet_id, 'hold_id', hold_id, 'status', ledger_private.closing_status(v_closing),
      -- Its expiry may be booked by this very call, which leaves nothing behind.
      'transfer_id', case when v_closing.idem_key is not null then v_closing.id end),
    'A hold is captured or released once; place a new one.');
end
$$;

comment on function ledger_private.hold_not_open is
  'WLHLD: a hold has been captured, released or has expired; null where it is open.';
