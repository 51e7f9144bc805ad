create or replace function ledger.wallets_bonus_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.bonus_balance from ledger.entries e where e.wallet_id = wallet.id
  order by e.seq desc limit 1), 0);

comment on function ledger.wallets_bonus_balance is
$$@notNull
The part of the balance that is bonus credits, in minor units, by the wallet's newest entry: with those that have
expired and are not booked yet.$$;

grant execute on function ledger.wallets_bonus_balance
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
