create or replace function ledger.wallet_opening(
  wallet_id uuid,
  amount bigint,
  idem_key text,
  bonus_amount bigint default 0,
  expires_at timestamptz default null,
  metadata jsonb default '{}'
)
returns ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.post(ledger.request(kind => 'opening', wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, expires_at => expires_at, metadata => metadata, bonus_amount => coalesce(bonus_amount, 0)));
end
$$;

comment on function ledger.wallet_opening is
$$@resultFieldName receipt
Books the balance that a player brings from another system: from the house's account opening to the wallet, once per
wallet, at any time. It is no purchase and no grant, and no limit of the asset is asked or counted. It is not reversed:
correct it by an adjustment.

- walletId: the player's wallet.
- amount: all credits, with the bonus credits among them, in minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- bonusAmount: the part of the amount that is bonus credits, 0 to the amount; none if left out.
- expiresAt: the instant from which these bonus credits cannot be spent any more and go to breakage, after now; never if
  left out. Only where there are bonus credits.
- metadata: a JSON object of at most 8192 bytes, such as the account and the date in the other system; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed and for a wallet that has had its
opening, WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM) only where the balance would pass what the ledger counts to.$$;

grant execute on function ledger.wallet_opening to wallet_operator;
