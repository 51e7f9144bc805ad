create or replace function ledger.wallet_open(owner_id text, asset_code text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wallet ledger.wallets;
begin
  perform ledger_private.check_owner_id(owner_id);
  perform ledger_private.check_asset(asset_code);

  perform set_config('ledger.posting', 'on', true);
  insert into ledger.wallets (id, owner_id, asset_code)
    values (ledger.wallet_id(owner_id, asset_code), owner_id, asset_code)
    on conflict on constraint wallets_pkey do nothing
    returning * into v_wallet;
  if found then
    perform ledger_private.record_events(array[v_wallet.id], 'opened', null);
  end if;
  perform set_config('ledger.posting', '', true);
  if v_wallet.id is not null then
    return v_wallet;
  end if;
  select w.* into strict v_wallet
    from ledger.wallets w
    where w.id = ledger.wallet_id(wallet_open.owner_id, wallet_open.asset_code);
  if v_wallet.status = 'closed' then
    perform ledger_private.refuse(ledger_private.not_allowed(v_wallet, false));
  end if;
  return v_wallet;
end
$$;

comment on function ledger.wallet_open is
$$@resultFieldName wallet
Opens an owner's wallet of an asset, or returns it as it is where it has been opened before.

- ownerId: the player's account number, opaque and unchanging; never an e-mail address. 1 to 200 characters, no white space
  at either end, otherwise taken as it is.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WALLET_CLOSED (WLCLS).$$;

grant execute on function ledger.wallet_open to wallet_service, wallet_operator, wallet_job;
