create or replace function ledger_private.insufficient_funds(
  wallet_id uuid, available bigint, requested bigint, facts jsonb default '{}'
)
returns ledger.refusal
language sql
immutable
return case when requested > available then
  ledger_private.refusal('WLFND',
    format('insufficient funds: %s available, %s requested', available, requested),
    jsonb_build_object('wallet_id', wallet_id, 'available', available::text, 'requested', requested::text) || facts,
    'Ask for no more than is available, or top the wallet up first.')
end;

comment on function ledger_private.insufficient_funds is
  'WLFND: more is to be taken out of a wallet or a hold than is available. facts are added to the detail.';
