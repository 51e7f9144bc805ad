create or replace function ledger.wallet_freeze(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'frozen', reason);
end
$$;

comment on function ledger.wallet_freeze is
$$@resultFieldName wallet
Freezes a wallet: no spend, transfer, exchange, hold or capture leaves it; top-ups, bonuses, what other wallets send,
openings, adjustments, reversals, releases and expiry still book. A wallet that is frozen stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), WALLET_CLOSED (WLCLS).$$;

grant execute on function ledger.wallet_freeze to wallet_operator;
