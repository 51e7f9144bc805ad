create or replace function ledger_private.asset_not_found(asset_code text)
returns ledger.refusal
language sql
immutable
-- No longer than a code can be: an answer does not repeat a megabyte.
return ledger_private.refusal('WLNOA', format('asset not found: %s', left(asset_code, 64)),
  jsonb_build_object('asset_code', left(asset_code, 64)),
    'An operator creates assets with asset_create(code, name, scale).');

comment on function ledger_private.asset_not_found is 'WLNOA: an asset is not there.';

grant execute on function ledger_private.asset_not_found to wallet_operator, wallet_auditor;
