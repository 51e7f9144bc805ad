create or replace function ledger.wallet_open_many(owner_ids text[], asset_code text)
returns setof ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if owner_ids is null or cardinality(owner_ids) > 10000 or array_ndims(owner_ids) > 1 then
    perform ledger_private.refuse(ledger_private.invalid_argument('owner_ids',
      'Send a list of at most 10000 owner ids.', jsonb_build_object('length', cardinality(owner_ids), 'max', 10000)));
  end if;
  return query select w.* from ledger_private.open_wallets(owner_ids, asset_code, true) w;
end
$$;

comment on function ledger.wallet_open_many is
$$@resultFieldName wallets
Opens the wallets of many owners of one asset, all or none, and returns one for each owner id, in order. A wallet that
has been opened before is returned as it is.

- ownerIds: at most 10000 account numbers, as wallet_open takes them. An owner may come twice.
- assetCode: the asset, such as GOLD.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WRONG_NODE (WLNOD) where
another database has a wallet, WALLET_CLOSED (WLCLS). The detail names the owner by its index, counted from 0.$$;

grant execute on function ledger.wallet_open_many to wallet_service, wallet_operator, wallet_job;
