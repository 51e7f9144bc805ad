create or replace function ledger_private.post_item(item ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
begin
  if item.counterparty_id is null and (item.kind = 'bonus' or item.expires_at is null) then
    if item.kind = 'top_up' then
      return ledger.wallet_top_up(wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    elsif item.kind = 'spend' then
      return ledger.wallet_spend(wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, metadata => item.metadata);
    elsif item.kind = 'bonus' then
      return ledger.wallet_bonus(wallet_id => item.wallet_id, amount => item.amount, idem_key => item.idem_key, expires_at => item.expires_at,
        metadata => item.metadata);
    end if;
  elsif item.kind = 'transfer' and item.expires_at is null then
    return ledger.wallet_transfer(from_wallet => item.wallet_id, to_wallet => item.counterparty_id, amount => item.amount,
      idem_key => item.idem_key, metadata => item.metadata);
  end if;
  -- What no single call can ask for is refused as it is.
  return ledger_private.post(ledger_private.request(
    kind => case when item.kind in ('top_up', 'bonus', 'spend', 'transfer') then item.kind end,
    wallet_id => item.wallet_id, counterparty_id => item.counterparty_id, amount => item.amount, idem_key => item.idem_key,
    metadata => item.metadata, expires_at => item.expires_at));
end
$$;

comment on function ledger_private.post_item(ledger.wallet_request) is 'Books one item of a batch by its single call.';

revoke all on function ledger_private.post_item(ledger.wallet_request) from public;
