create or replace function ledger_private.post_own(
  kind ledger.transfer_kind,
  wallet_id uuid,
  amount bigint,
  idem_key text,
  metadata jsonb,
  expires_at timestamptz default null
)
returns ledger.receipt
language plpgsql
volatile
as $$
begin
  return ledger_private.post(ledger_private.request(kind => kind, wallet_id => wallet_id, amount => amount, idem_key => idem_key,
    metadata => metadata, expires_at => expires_at));
end
$$;

comment on function ledger_private.post_own(ledger.transfer_kind, uuid, bigint, text, jsonb, timestamptz) is
  'Books a top-up, bonus or spend of one wallet.';

revoke all on function ledger_private.post_own(ledger.transfer_kind, uuid, bigint, text, jsonb, timestamptz) from public;
