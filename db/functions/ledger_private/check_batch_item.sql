create or replace function ledger_private.check_batch_item(
  request ledger.wallet_request,
  wallet ledger.wallets,
  other ledger.wallets,
  used boolean,
  first ledger.wallet_request,
  wallet_time timestamptz
)
returns boolean
language plpgsql
volatile
as $$
declare
  v_first ledger.transfers;
begin
  if wallet.id is null or other.id is distinct from request.counterparty_id then
    perform ledger_private.refuse_wallet(case when wallet.id is null then request.wallet_id else request.counterparty_id end);
  end if;
  if other.asset_code <> wallet.asset_code then
    perform ledger_private.refuse_assets(wallet.asset_code, other.asset_code);
  end if;
  if used then
    select t.* into strict v_first from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key;
  elsif first.kind is not null then
    v_first := ledger_private.batch_request(first);
  end if;
  if v_first.id is not null then
    perform ledger_private.check_replay(v_first, ledger_private.batch_request(request));
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

comment on function ledger_private.check_batch_item(
  ledger.wallet_request, ledger.wallets, ledger.wallets, boolean, ledger.wallet_request, timestamptz
) is
$$Whether an item of a batch is to be booked: true; false where it repeats first, the first request of its key; or refuses it as a single call would,
for another reason than the request itself, limits or funds. The wallets are null where they are not there.$$;

revoke all on function ledger_private.check_batch_item(
  ledger.wallet_request, ledger.wallets, ledger.wallets, boolean, ledger.wallet_request, timestamptz
) from public;
