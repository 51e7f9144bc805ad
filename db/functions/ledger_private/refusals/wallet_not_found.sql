create or replace function ledger_private.wallet_not_found(wallet_id uuid)
returns ledger.refusal
language sql
immutable
return ledger_private.refusal('WLNOW', format('wallet not found: %s', coalesce(wallet_id::text, 'null')),
  jsonb_build_object('wallet_id', wallet_id), 'Open the wallet first, with wallet_open(owner_id, asset_code).');

comment on function ledger_private.wallet_not_found is 'WLNOW: a wallet is not there, or is not the caller''s to see.';

grant execute on function ledger_private.wallet_not_found
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
