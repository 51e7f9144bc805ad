create or replace function ledger_private.asset_mismatch(from_asset text, to_asset text)
returns ledger.refusal
language sql
immutable
return case when from_asset <> to_asset then
  ledger_private.refusal('WLAST', format('asset mismatch: %s and %s', from_asset, to_asset),
    jsonb_build_object('from_asset', from_asset, 'to_asset', to_asset), 'Move credits between wallets of one asset.')
end;

comment on function ledger_private.asset_mismatch is 'WLAST: two wallets have different assets.';
