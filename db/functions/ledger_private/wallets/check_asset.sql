create or replace function ledger_private.check_asset(asset_code text)
returns void
language plpgsql
stable
as $$
begin
  if asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'));
  end if;
  if not exists (select from ledger.assets a where a.code = check_asset.asset_code) then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;
end
$$;

comment on function ledger_private.check_asset is
  'Refuses with WLARG where no asset is named, with WLNOA an asset that is not there.';
