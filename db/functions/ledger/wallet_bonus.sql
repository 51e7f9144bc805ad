create or replace function ledger.wallet_bonus(
  wallet_id uuid,
  amount bigint,
  idem_key text,
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
  return ledger_private.post_own(kind => 'bonus', debit => 'promotions', credit => 'player', sign => 1, bonus => amount,
    wallet_id => wallet_id, amount => amount, idem_key => idem_key, metadata => coalesce(metadata, '{}'),
    expires_at => expires_at);
end
$$;

comment on function ledger.wallet_bonus is
$$@resultFieldName receipt
Grants free credits: from promotions to the wallet, where they count as bonus credits and are spent before bought ones.

- walletId: the player's wallet.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within the wallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- expiresAt: the instant from which they cannot be spent any more and go to breakage, after now; never if left out. Of
  bonus credits, those that expire first are spent first.
- metadata: a JSON object of at most 8192 bytes, such as the campaign; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW),
IDEMPOTENCY_KEY_REUSED (WLKEY), INVALID_ARGUMENT (WLARG) for an expiry that has passed, WALLET_CLOSED (WLCLS),
LIMIT_EXCEEDED (WLLIM).$$;

grant execute on function ledger.wallet_bonus to wallet_service, wallet_operator, wallet_job;
