create or replace function ledger_private.prepare(request ledger.wallet_request, other_id uuid default null)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, other_id];
  v_wallet ledger.wallets;
  v_prepared ledger_private.prepared;
begin
  perform ledger_private.refuse(ledger_private.invalid_request(request));
  for v_wallet in select w.* from ledger_private.lock_wallets(v_ids) w loop
    if v_wallet.id = request.wallet_id then
      v_prepared.wallet := v_wallet;
    else
      v_prepared.other := v_wallet;
    end if;
  end loop;
  if (v_prepared.wallet).id is null or (v_prepared.other).id is distinct from other_id then
    perform ledger_private.refuse(ledger_private.wallet_not_found(
      case when (v_prepared.wallet).id is null then request.wallet_id else other_id end));
  end if;
  if request.kind = 'exchange' then
    perform ledger_private.refuse(ledger_private.not_exchangeable(v_prepared.wallet, v_prepared.other));
  elsif request.kind <> 'reversal' then
    perform ledger_private.refuse(ledger_private.asset_mismatch((v_prepared.wallet).asset_code,
      (v_prepared.other).asset_code));
  end if;
  perform ledger_private.refuse(ledger_private.not_found(request), v_ids);
  v_prepared.receipt := ledger_private.replay(request);
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared;
  end if;
  -- A payment is a purchase: bonuses and reversals may name it, too.
  if request.kind = 'top_up' then
    v_prepared.reference := ledger_private.reference_of((v_prepared.wallet).asset_code, request.metadata);
  end if;

  v_prepared.at_time := clock_timestamp();
  v_prepared.head := ledger_private.head(request.wallet_id);
  perform ledger_private.refuse(
    ledger_private.expiry_passed(request.expires_at, greatest(v_prepared.at_time, (v_prepared.head).created_at)),
      v_ids);
  if request.kind = 'opening' then
    perform ledger_private.refuse(ledger_private.opened_before(request.wallet_id), v_ids);
  end if;
  perform ledger_private.refuse(ledger_private.not_allowed(v_prepared.wallet, ledger_private.leaves(request.kind)),
    v_ids);
  perform ledger_private.refuse(ledger_private.not_allowed(v_prepared.other, false), v_ids);
  if ledger_private.settle(v_ids, v_prepared.at_time) then
    v_prepared.head := ledger_private.head(request.wallet_id);
  end if;
  v_prepared.other_head := ledger_private.head(other_id);
  return v_prepared;
end
$$;

comment on function ledger_private.prepare is
$$What a call begins with, in the order of refusals: judges the request, locks the wallets, looks for what it names and
for its key, judges expiry and status, books what is due. With a receipt in it, it is a repetition.$$;
