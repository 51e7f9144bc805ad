create or replace function ledger_private.refuse_asset(asset_code text)
returns void
language plpgsql
immutable
as $$
declare
  -- As long as a code can be: an answer does not repeat a megabyte.
  v_code text := left(asset_code, 64);
begin
  perform ledger_private.refuse('WLNOA', format('asset not found: %s', v_code),
    jsonb_build_object('asset_code', v_code), 'An operator creates assets with asset_create(code, name, scale).');
end
$$;

comment on function ledger_private.refuse_asset(text) is 'Refuses with WLNOA an asset that is not there.';

revoke all on function ledger_private.refuse_asset(text) from public;
