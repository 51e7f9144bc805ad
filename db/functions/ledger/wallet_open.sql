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
  select w.* into strict v_wallet from ledger_private.open_wallets(array[owner_id], asset_code, false) w;
  return v_wallet;
end
$$;

comment on function ledger.wallet_open is
$$@resultFieldName wallet
Opens an owner's wallet of an asset, or returns it as it is where it has been opened before.

- ownerId: the player's account number, opaque and unchanging; never an e-mail address. 1 to 200 characters, no white
  space at either end, otherwise taken as it is.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WRONG_NODE (WLNOD) where
another database has the wallet, WALLET_CLOSED (WLCLS).$$;

grant execute on function ledger.wallet_open to wallet_service, wallet_operator, wallet_job;
