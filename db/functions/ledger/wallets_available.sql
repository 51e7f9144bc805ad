create or replace function ledger.wallets_available(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((
  select ledger_private.available_at(e, statement_timestamp())
  from ledger.entries e
  where e.wallet_id = wallet.id
  order by e.seq desc
  limit 1
), 0);

comment on function ledger.wallets_available is
$$@notNull
What can be spent now, in minor units: the balance less what open holds reserve and less bonus credits that have
expired. Holds and bonus credits count as expired from their instant on, before that is booked.$$;

grant execute on function ledger.wallets_available
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
