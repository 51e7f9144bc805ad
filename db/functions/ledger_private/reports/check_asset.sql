create or replace function ledger_private.check_asset(asset_code text)
returns void
language plpgsql
stable
as $$
begin
  if not exists (select from ledger.assets a where a.code = check_asset.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
end
$$;

comment on function ledger_private.check_asset is 'Refuses with ASSET_NOT_FOUND (WLNOA) an asset that is not there.';

grant execute on function ledger_private.check_asset to wallet_operator, wallet_auditor;
