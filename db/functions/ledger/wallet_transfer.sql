create or replace function ledger.wallet_transfer(
  from_wallet uuid,
  to_wallet uuid,
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
  return ledger_private.post_between(from_wallet => from_wallet, to_wallet => to_wallet, amount => amount,
    idem_key => idem_key, metadata => coalesce(metadata, '{}'));
end
$$;

comment on function ledger.wallet_transfer is
$$@resultFieldName receipt
Moves credits from one player's wallet to another's of the same asset, bonus credits first; they stay bonus credits and
keep their expiry. The receipt is that of the wallet they leave.

- fromWallet: the wallet they leave.
- toWallet: the wallet they arrive in.
- amount: minor units, 1 to 1000000000000000.
- idemKey: 1 to 200 characters, no white space at either end, unique within fromWallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as a note between the players; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF), WALLET_NOT_FOUND
(WLNOW), ASSET_MISMATCH (WLAST), IDEMPOTENCY_KEY_REUSED (WLKEY), WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS),
LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_transfer to wallet_service, wallet_operator, wallet_job;
