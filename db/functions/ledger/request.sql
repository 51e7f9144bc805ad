create or replace function ledger.request(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid default null,
  amount bigint default null,
  idem_key text default null,
  expires_at timestamptz default null,
  metadata jsonb default null,
  hold_id uuid default null,
  transfer_id uuid default null,
  bonus_amount bigint default null,
  side ledger.entry_side default null,
  reason text default null,
  to_amount bigint default null,
  owe boolean default null
)
returns ledger.wallet_request
language sql
immutable
return row(kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata,
  hold_id, transfer_id, bonus_amount, side, reason, to_amount, owe)::ledger.wallet_request;

comment on function ledger.request is
$$@behavior -*
An item of wallet_post_batch or wallet_post_each by the names of its fields: those that its kind has no use for are left
out. A call that is written so stays as it is where a later release adds a field. It checks nothing.$$;

grant execute on function ledger.request to wallet_service, wallet_operator, wallet_job;
