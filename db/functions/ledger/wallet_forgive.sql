create or replace function ledger.wallet_forgive(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  reason text,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post(ledger.request(kind => 'forgiveness', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, reason => reason));
end
$$;

comment on function ledger.wallet_forgive is
$$@resultFieldName receipt
Gives up what a wallet owes, whole or in part, with a reason. It changes no balance of the wallet: the amount goes from
the house's account receivables to its losses. It is not reversed.

- walletId: the player's wallet.
- amount: minor units, 1 to what the wallet owes.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- reason: why, 1 to 1000 characters; the wallet's owner may read it.
- metadata: a JSON object of at most 8192 bytes, such as the ticket; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) where it is more than the wallet owes.$$;

grant execute on function ledger.wallet_forgive to wallet_operator;
