create or replace function ledger_private.refuse_assets(from_asset text, to_asset text)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLAST', format('asset mismatch: %s and %s', from_asset, to_asset),
    jsonb_build_object('from_asset', from_asset, 'to_asset', to_asset), 'Move credits between wallets of one asset.');
end
$$;

comment on function ledger_private.refuse_assets(text, text) is
  'Refuses with WLAST to move credits between wallets of different assets.';

revoke all on function ledger_private.refuse_assets(text, text) from public;
