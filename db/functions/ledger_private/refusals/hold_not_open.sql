create or replace function ledger_private.hold_not_open(wallet_id uuid, hold_id uuid)
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.refusal('WLHLD', format('hold not open: %s', t.hold_id),
    jsonb_build_object('wallet_id', t.wallet_id, 'hold_id', t.hold_id, 'status', ledger_private.closing_status(t),
      -- Its expiry may be booked by this very call, which leaves nothing behind.
      'transfer_id', case when t.idem_key is not null then t.id end),
    'A hold is captured or released once; place a new one.')
  from ledger.transfers t
  where t.wallet_id = hold_not_open.wallet_id and t.hold_id = hold_not_open.hold_id and t.kind <> 'hold'
$$;

comment on function ledger_private.hold_not_open is 'WLHLD: a hold has been captured, released or has expired.';
