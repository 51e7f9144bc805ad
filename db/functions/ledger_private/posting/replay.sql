create or replace function ledger_private.replay(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_first ledger.entries;
begin
  select e.* into v_first from ledger.entries e where e.wallet_id = request.wallet_id and e.idem_key = request.idem_key;
  if not found then
    return null;
  end if;
  perform ledger_private.refuse(ledger_private.key_reused(v_first, request));
  return ledger_private.receipt(v_first, true);
end
$$;

comment on function ledger_private.replay is
  'The receipt of the first request with this key, as of then; null where the key is new. WLKEY where they differ.';
