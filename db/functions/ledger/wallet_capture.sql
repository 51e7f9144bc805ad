create or replace function ledger.wallet_capture(
  wallet_id uuid,
  hold_id uuid,
  idem_key text,
  amount bigint default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.end_hold(ledger.request(kind => 'capture', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, metadata => metadata, hold_id => hold_id));
end
$$;

comment on function ledger.wallet_capture is
$$@resultFieldName receipt
Ends a hold with the purchase: spends up to what it reserved, also credits that expired meanwhile, and frees the rest,
of which what has expired is booked to breakage by the next entry, in the same transaction; the receipt's available is
without it.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- amount: minor units, 1 to what the hold reserved; all of it if left out.
- metadata: a JSON object of at most 8192 bytes, such as the item; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND
(WLNOH), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD),
LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND) for more than the hold reserved.$$;

grant execute on function ledger.wallet_capture to wallet_service, wallet_operator, wallet_job;
