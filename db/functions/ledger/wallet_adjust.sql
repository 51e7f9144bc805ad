create or replace function ledger.wallet_adjust(
  wallet_id uuid,
  side ledger.entry_side,
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
  return ledger_private.post(ledger.request(kind => 'adjustment', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, side => side, reason => reason));
end
$$;

comment on function ledger.wallet_adjust is
$$@resultFieldName receipt
Corrects a balance, with a reason: an operator gives credits to the wallet, or takes them out of it. The other side is
the house's account adjustments. Credits that it gives count as paid ones, but as no purchase, and no limit of the asset
is asked or counted. What it takes leaves in the order of a spend: bonus credits first, the earliest expiry first, and
none that are reserved. It books in a frozen wallet too, and is not reversed: book the other side.

- walletId: the player's wallet.
- side: credit to give credits to the wallet, debit to take them out of it.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- reason: why, 1 to 1000 characters. It is stored with the metadata, which the wallet's owner may read.
- metadata: a JSON object of at most 8192 bytes without a field reason, such as the ticket; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) only where the balance would pass what the
ledger counts to, INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_adjust to wallet_operator;
