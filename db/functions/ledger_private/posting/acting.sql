create or replace function ledger_private.acting(entry ledger.entries, request ledger.wallet_request)
returns ledger.entries
language plpgsql
stable
as $$
begin
  entry.actor := ledger_private.actor();
  entry.idem_key := request.idem_key;
  entry.requested_amount := request.amount;
  entry.reverses := request.transfer_id;
  entry.hold_id := request.hold_id;
  entry.expires_at := request.expires_at;
  entry.metadata := coalesce(request.metadata, '{}');
  if request.reason is not null then
    entry.metadata := entry.metadata || jsonb_build_object('reason', request.reason);
  end if;
  return entry;
end
$$;

comment on function ledger_private.acting is
  'An entry as that of the acting wallet: with the request, and who calls. The system''s own have no request.';
