create or replace function ledger_private.asset_bytes(asset ledger.assets)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'asset', convert_to(asset.code, 'UTF8'), convert_to(asset.name, 'UTF8'), int8send(asset.scale),
    convert_to(asset.actor, 'UTF8'), timestamptz_send(asset.created_at)
  ])
$$;

comment on function ledger_private.asset_bytes is 'Every fact of an asset as bytes, for its hash: see record_hash.';

grant execute on function ledger_private.asset_bytes to wallet_auditor;
