create or replace function ledger.wallet_close(wallet_id uuid, reason text)
returns ledger.wallets
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger_private.change_status(wallet_id, 'closed', reason);
end
$$;

comment on function ledger.wallet_close is
$$@resultFieldName wallet
Closes an empty wallet: nothing books until it is reopened. What is due in it is booked first. A wallet that is closed
stays as it is.

- walletId: the player's wallet.
- reason: why, for the wallet's events, 1 to 1000 characters.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT (WLARG) for a wallet
that is not empty, with its balance.$$;

grant execute on function ledger.wallet_close to wallet_operator;
