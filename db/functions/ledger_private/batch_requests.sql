create or replace function ledger_private.batch_requests(requests ledger.wallet_request[], at_time timestamptz)
returns ledger.transfers[]
language sql
volatile
as $$
  select array(select row(
      uuidv7(), r.wallet_id, r.idem_key, r.kind, null, null, r.counterparty_id, null, r.amount, r.amount, 0, null, null, r.expires_at,
      coalesce(r.metadata, '{}'), ledger_private.actor(), at_time
    )::ledger.transfers
    from unnest(requests) r)
$$;

comment on function ledger_private.batch_requests(ledger.wallet_request[], timestamptz) is
  'The requests of a batch in the shape that single calls give theirs: that of the movements they ask for.';

revoke all on function ledger_private.batch_requests(ledger.wallet_request[], timestamptz) from public;
