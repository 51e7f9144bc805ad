create or replace function ledger_private.claim_reference(entry ledger.entries, asset_code text, reference text)
returns void
language plpgsql
volatile
as $$
declare
  v_lock_timeout text := current_setting('lock_timeout');
begin
  perform set_config('ledger.posting', 'on', true);
  if current_setting('ledger.waiting', true) = 'off' then
    perform set_config('lock_timeout', '1', true);
  end if;
  -- Waits for another call that is booking the same payment. Two that book many may each wait for one of the other's.
  begin
    insert into ledger.unique_references
      values (asset_code, sha256(convert_to(reference, 'UTF8')), entry.wallet_id, entry.seq)
      on conflict on constraint unique_references_pkey do nothing;
  exception when deadlock_detected then
    raise exception using errcode = '40001',
      message = 'could not serialize access: another call is booking the same payments in another order',
      hint = 'Send it again as it is.';
  end;
  if not found then
    perform ledger_private.refuse(ledger_private.payment_reused(asset_code, reference));
  end if;
  perform set_config('lock_timeout', v_lock_timeout, true);
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.claim_reference is
$$Makes a payment that of this entry; refuses with WLKEY where another call has booked it meanwhile, ends with 40001
where that waits for a payment of this one. With ledger.waiting off, it ends with 55P03 where another call is at it.$$;
