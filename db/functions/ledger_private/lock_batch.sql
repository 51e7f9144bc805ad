create or replace function ledger_private.lock_batch(requests ledger.wallet_request[])
returns timestamptz
language plpgsql
volatile
as $$
declare
  v_wallet_ids uuid[] := array(
    select r.wallet_id from unnest(requests) r union select r.counterparty_id from unnest(requests) r);
  v_due boolean := ledger_private.has_due(v_wallet_ids, clock_timestamp());
  v_now timestamptz;
begin
  perform from ledger.wallets w
    where w.stripe = 32
      and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (v_wallet_ids))
      and (w.house in (select ledger_private.house_account(r.kind) from unnest(requests) r) or v_due and w.house = 'breakage')
    order by w.id
    for no key update;
  perform from ledger.wallets w where w.id = any (v_wallet_ids) and w.house is null order by w.id for no key update;
  v_now := clock_timestamp();
  -- Where something fell due while this waited, breakage comes out of order: so nobody may wait for it, 55P03 says to try again.
  if not v_due and ledger_private.has_due(v_wallet_ids, v_now) then
    perform from ledger.wallets w
      where w.stripe = 32 and w.house = 'breakage'
        and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (v_wallet_ids))
      order by w.id
      for no key update nowait;
  end if;
  return v_now;
end
$$;

comment on function ledger_private.lock_batch(ledger.wallet_request[]) is
$$Locks what a batch moves, in the one order that all calls keep: the house's stripes for batches, then players, each by ascending id. Breakage is
among them only where something is due. Returns the instant from which on nobody else moves them: the batch's now.$$;

revoke all on function ledger_private.lock_batch(ledger.wallet_request[]) from public;
