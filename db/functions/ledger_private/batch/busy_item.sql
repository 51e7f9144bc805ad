create or replace function ledger_private.busy_item(item ledger.wallet_request)
returns ledger.outcome
language sql
immutable
return row(null, ledger_private.refusal('55P03', 'retry: the wallet is busy',
  jsonb_build_object('wallet_id', item.wallet_id),
  'Another call is at a wallet or a payment of this request or of one before it: send it again as it is.'
))::ledger.outcome;

comment on function ledger_private.busy_item is
  'The outcome of a request that has to be sent again, because it would have to wait for another call.';
