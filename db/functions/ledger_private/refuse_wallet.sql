create or replace function ledger_private.refuse_wallet(wallet_id uuid)
returns void
language plpgsql
immutable
as $$
begin
  perform ledger_private.refuse('WLNOW',
    format('wallet not found: %s', coalesce(wallet_id::text, 'null')),
    jsonb_build_object('wallet_id', wallet_id),
    'Open the wallet first, with wallet_open(owner_id, asset_code).');
end
$$;

comment on function ledger_private.refuse_wallet(uuid) is
  'Refuses with WLNOW a wallet that is not there, is not the caller''s to see, or belongs to the house.';

revoke all on function ledger_private.refuse_wallet(uuid) from public;
grant execute on function ledger_private.refuse_wallet(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
