create or replace function ledger.wallet_collect(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post(ledger.request(kind => 'collection', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata));
end
$$;

comment on function ledger.wallet_collect is
$$@resultFieldName receipt
Takes credits out of a wallet to pay what it owes. The other side is the house's account receivables. It takes paid
credits only, and none that are reserved, also of a frozen wallet. It is not reversed: adjust what was wrong.

- walletId: the player's wallet.
- amount: minor units, 1 to what the wallet owes.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the ticket; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) where it is more than the wallet owes,
INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_collect to wallet_operator;
