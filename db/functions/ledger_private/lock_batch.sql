create or replace function ledger_private.lock_batch(requests ledger.transfers[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_wallet_ids uuid[] := array(
    select r.wallet_id from unnest(requests) r union select r.credit_wallet_id from unnest(requests) r);
  -- As it is before the locks: nothing falls due by that instant any more, so what is due later is no more than this.
  v_due boolean := ledger_private.has_due(v_wallet_ids, at_time);
begin
  perform from ledger.wallets w
    where w.stripe = 32
      and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (v_wallet_ids))
      and (w.house in (select ledger_private.house_account(r.kind) from unnest(requests) r) or v_due and w.house = 'breakage')
    order by w.id
    for no key update;
  perform from ledger.wallets w where w.id = any (v_wallet_ids) and w.house is null order by w.id for no key update;
end
$$;

comment on function ledger_private.lock_batch(ledger.transfers[], timestamptz) is
$$Locks what a batch moves, in the one order that all calls keep: the house's stripes for batches, then players, each by ascending id. Breakage is
among them only where something is due.$$;

revoke all on function ledger_private.lock_batch(ledger.transfers[], timestamptz) from public;
