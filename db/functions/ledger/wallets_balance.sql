create or replace function ledger.wallets_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.balance from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_balance is
$$@notNull
All credits of the wallet by its newest entry, in minor units: with reserved and bonus credits, and with what has
expired and is not booked yet.$$;

grant execute on function ledger.wallets_balance
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
