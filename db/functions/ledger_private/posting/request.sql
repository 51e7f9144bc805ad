create or replace function ledger_private.request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  idem_key text,
  metadata jsonb,
  amount bigint default null,
  counterparty_id uuid default null,
  hold_id uuid default null,
  reverses uuid default null,
  expires_at timestamptz default null
)
returns ledger.wallet_request
language sql
immutable
-- Without metadata a request has empty ones, at every door.
return row(kind, wallet_id, counterparty_id, amount, idem_key, expires_at, coalesce(metadata, '{}'), hold_id,
  reverses)::ledger.wallet_request;

comment on function ledger_private.request is 'A request by the names of its fields.';
