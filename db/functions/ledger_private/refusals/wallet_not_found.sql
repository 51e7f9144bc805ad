create or replace function ledger_private.wallet_not_found(wallet_id uuid)
returns ledger.refusal
language sql
stable
as $$
  select case when n.code is null then ledger_private.refusal('WLNOW',
      format('wallet not found: %s', coalesce(wallet_not_found.wallet_id::text, 'null')),
      jsonb_build_object('wallet_id', wallet_not_found.wallet_id),
      'Open the wallet first, with wallet_open(owner_id, asset_code).')
    else row(n.code, n.message, n.detail, n.hint)::ledger.refusal end
  from (select) here left join ledger_private.wrong_node(wallet_not_found.wallet_id) n on true
$$;

comment on function ledger_private.wallet_not_found is
  'WLNOW: a wallet is not there, or is not the caller''s to see. WLNOD where another database has it.';

grant execute on function ledger_private.wallet_not_found
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
