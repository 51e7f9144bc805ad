create or replace function ledger.wallets_owed(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((
  select e.owed
  from ledger.entries e
  where e.wallet_id = wallet.id
  order by e.seq desc
  limit 1
), 0);

comment on function ledger.wallets_owed is
$$@notNull
What the wallet owes, in minor units: bought credits that a chargeback could not take because they were gone. It is no
part of the balance, which is never negative.$$;

grant execute on function ledger.wallets_owed
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
