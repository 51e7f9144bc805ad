create or replace function ledger.wallet_id(owner_id text, asset_code text)
returns uuid
language sql
immutable
strict
-- The binary array format puts each element's length before it: no two pairs have the same bytes.
return ledger_private.uuid_v8(sha256(array_send(array[
  'ledger.wallet.v1', convert_to(owner_id, 'UTF8'), convert_to(asset_code, 'UTF8')
])));

comment on function ledger.wallet_id is
$$The id of an owner's wallet of an asset, whether it has been opened or not: derived from the two, so nobody needs to
look it up.

- ownerId: the player's account number, 1 to 200 characters.
- assetCode: the asset, such as GOLD.$$;

grant execute on function ledger.wallet_id
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
