create or replace function ledger.wallet_spend(
  wallet_id uuid, amount bigint, idem_key text, metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post_own(kind => 'spend', debit => 'player', credit => 'revenue', sign => -1, spent => amount,
    wallet_id => wallet_id, amount => amount, idem_key => idem_key, metadata => coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_spend is
$$@resultFieldName receipt
Books a purchase in the game or shop: from the wallet to revenue, bonus credits first, and of these the earliest expiry
first.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the item; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM),
INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_spend to wallet_service, wallet_operator, wallet_job;
