create or replace function ledger_private.asset_id(code text)
returns uuid
language sql
immutable
as $$
  select ledger_private.uuid_v8(sha256(array_send(array['ledger.asset.v1', convert_to(code, 'UTF8')])))
$$;

comment on function ledger_private.asset_id is
  'The id under which an asset with its limits is sealed: derived from its code.';

grant execute on function ledger_private.asset_id to wallet_operator, wallet_auditor;
