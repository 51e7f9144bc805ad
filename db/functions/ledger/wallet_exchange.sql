create or replace function ledger.wallet_exchange(
  from_wallet uuid,
  to_wallet uuid,
  amount bigint,
  to_amount bigint,
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
  return ledger_private.exchange(ledger.request(kind => 'exchange', wallet_id => from_wallet,
    counterparty_id => to_wallet, amount => amount, to_amount => to_amount, idem_key => idem_key,
    metadata => metadata));
end
$$;

comment on function ledger.wallet_exchange is
$$@resultFieldName receipt
Exchanges an owner's credits of one asset for credits of another, in one commit: a movement in each asset, whose other
side is the house's account exchange. Each names the entry of the other one (linkedEntry); both amounts are the rate.
Bonus credits leave first, the earliest expiry first; of what arrives the same part is bonus credits, rounded up,
without an expiry. The receipt is that of fromWallet. Both movements are reversed together, as a whole, by either one.

- fromWallet: the wallet that credits leave.
- toWallet: the wallet that credits arrive in: of the same owner, and of another asset.
- amount: what leaves, in minor units of its asset, 1 to 1000000000000000.
- toAmount: what arrives, in minor units of the other asset, 1 to 1000000000000000: with amount, the rate.
- idemKey: 1 to 200 characters, no white space at either end, unique within fromWallet for ever. Repeating the call with
  the same key and the same arguments returns the same receipt and books nothing.
- metadata: a JSON object of at most 8192 bytes, such as the offer; null means {}.

Refuses, in this order, with INVALID_AMOUNT (WLAMT), INVALID_ARGUMENT (WLARG), SAME_WALLET (WLSLF), WALLET_NOT_FOUND
(WLNOW), INVALID_ARGUMENT (WLARG) for wallets of two owners or of one asset, IDEMPOTENCY_KEY_REUSED (WLKEY),
WALLET_FROZEN (WLFRZ) or WALLET_CLOSED (WLCLS), LIMIT_EXCEEDED (WLLIM), INSUFFICIENT_FUNDS (WLFND).$$;

grant execute on function ledger.wallet_exchange to wallet_service, wallet_operator, wallet_job;
