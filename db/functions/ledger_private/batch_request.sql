create or replace function ledger_private.batch_request(request ledger.wallet_request)
returns ledger.transfers
language sql
volatile
as $$
  select row(uuidv7(), request.wallet_id, request.idem_key, request.kind, null, null, request.counterparty_id, null, request.amount, request.amount,
    0, null, null, request.expires_at, coalesce(request.metadata, '{}'), null, null, null)::ledger.transfers
$$;

comment on function ledger_private.batch_request(ledger.wallet_request) is
  'A request of a batch in the shape that single calls give theirs: that of the movement it asks for.';

revoke all on function ledger_private.batch_request(ledger.wallet_request) from public;
