create or replace function ledger.wallet_reopen(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'open', reason);
end
$$;

comment on function ledger.wallet_reopen is
$$@resultFieldName wallet
Opens a frozen or closed wallet again. A wallet that is open stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), WALLET_CLOSED (WLCLS) for a wallet that
was merged into another one, whose id the detail has (merged_into).$$;

grant execute on function ledger.wallet_reopen to wallet_operator;
