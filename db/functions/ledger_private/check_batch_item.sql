create or replace function ledger_private.check_batch_item(
  request ledger.transfers,
  wallet ledger.wallets,
  other ledger.wallets,
  first ledger.transfers,
  wallet_time timestamptz
)
returns boolean
language plpgsql
volatile
as $$
declare
  v_checked boolean;
begin
  -- Another kind is as good as none: what else a single call of it would want is beside the point.
  if request.kind not in ('top_up', 'bonus', 'spend', 'transfer') then
    request.kind := null;
  end if;
  v_checked := ledger_private.check_request(request.kind, request.wallet_id, request.credit_wallet_id, null, null, request.amount,
    request.idem_key, request.expires_at, request.metadata);
  if wallet.id is null or other.id is distinct from request.credit_wallet_id then
    perform ledger_private.refuse_wallet(case when wallet.id is null then request.wallet_id else request.credit_wallet_id end);
  end if;
  if other.asset_code <> wallet.asset_code then
    perform ledger_private.refuse_assets(wallet.asset_code, other.asset_code);
  end if;
  if first.id is not null then
    perform ledger_private.check_replay(first, request);
    return false;
  end if;
  if request.expires_at is not null then
    perform ledger_private.check_expiry(wallet.id, request.expires_at, wallet_time);
  end if;
  if wallet.status <> 'open' or other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet.id, other.id]);
    perform ledger_private.check_status(wallet, request.kind in ('spend', 'transfer'));
    perform ledger_private.check_status(other, false);
  end if;
  return true;
end
$$;

comment on function ledger_private.check_batch_item(ledger.transfers, ledger.wallets, ledger.wallets, ledger.transfers, timestamptz) is
$$Whether an item of a batch is to be booked: true; false where it repeats first, its key's first request; or refuses it as a single call would,
short of limits and funds. The wallets are null where they are not there.$$;

revoke all on function ledger_private.check_batch_item(ledger.transfers, ledger.wallets, ledger.wallets, ledger.transfers, timestamptz)
  from public;
