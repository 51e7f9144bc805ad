create or replace function ledger_private.post_item(item ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
begin
  if item.kind in ('top_up', 'bonus', 'spend') and item.counterparty_id is null then
    return ledger_private.post_own(kind => item.kind, wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key,
      metadata => item.metadata, expires_at => item.expires_at);
  end if;
  return ledger_private.post(ledger_private.request(
    -- Another kind is as good as none: what else a single call of it would want is beside the point.
    kind => case when item.kind in ('top_up', 'bonus', 'spend', 'transfer') then item.kind end,
    wallet_id => item.wallet_id, counterparty_id => item.counterparty_id, amount => item.amount, idem_key => item.idem_key,
    metadata => item.metadata, expires_at => item.expires_at));
end
$$;

comment on function ledger_private.post_item(ledger.wallet_request) is 'Books one item of a batch, as its single call would.';

revoke all on function ledger_private.post_item(ledger.wallet_request) from public;
