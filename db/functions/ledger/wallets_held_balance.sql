create or replace function ledger.wallets_held_balance(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.held_balance from ledger.entries e where e.wallet_id = wallet.id
  order by e.seq desc limit 1), 0);

comment on function ledger.wallets_held_balance is
$$@notNull
The part of the balance that is reserved, in minor units, by the wallet's newest entry: also by holds that have expired
and are not booked yet.$$;

grant execute on function ledger.wallets_held_balance
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
