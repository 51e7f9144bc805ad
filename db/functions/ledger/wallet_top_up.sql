create or replace function ledger.wallet_top_up(
  wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post_own(kind => 'top_up', debit => 'treasury', credit => 'player', sign => 1, bought => amount,
    wallet_id => wallet_id, amount => amount, idem_key => idem_key, metadata => coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_top_up is
$$@resultFieldName receipt
Books credits that were bought with real money: from the treasury to the wallet. Call it when the payment is certain.
Where the asset collects debts (see assetSet), they pay what the wallet owes first: the receipt's available and owed are
those after that.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the payment's reference; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM).$$;

grant execute on function ledger.wallet_top_up to wallet_service, wallet_operator, wallet_job;
