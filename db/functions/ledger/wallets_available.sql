create or replace function ledger.wallets_available(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((
  select e.balance - e.held_balance
    - case when e.bonus_balance > 0 then ledger_private.due_amount(e, statement_timestamp()) else 0 end
  from ledger.entries e
  where e.wallet_id = wallet.id
  order by e.seq desc
  limit 1
), 0);

comment on function ledger.wallets_available(ledger.wallets) is
$$@notNull
What can be spent now, in minor units: the balance less what is reserved and less bonus credits that have expired.$$;

revoke all on function ledger.wallets_available(ledger.wallets) from public;
grant execute on function ledger.wallets_available(ledger.wallets)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
