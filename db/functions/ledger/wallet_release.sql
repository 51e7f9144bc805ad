create or replace function ledger.wallet_release(
  wallet_id uuid, hold_id uuid, idem_key text, metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.end_hold(ledger.request(kind => 'release', wallet_id => wallet_id, idem_key => idem_key,
    metadata => metadata, hold_id => hold_id));
end
$$;

comment on function ledger.wallet_release is
$$@resultFieldName receipt
Ends a hold without a purchase: all its credits are available again. Those that expired while they were reserved are
booked to breakage by the next entry, in the same transaction; the receipt's available is without them.

- walletId: the player's wallet.
- holdId: the hold, as the receipt of wallet_hold named it.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the reason; null means {}.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), HOLD_NOT_FOUND (WLNOH),
IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_CLOSED (WLCLS), HOLD_NOT_OPEN (WLHLD).$$;

grant execute on function ledger.wallet_release to wallet_service, wallet_operator, wallet_job;
