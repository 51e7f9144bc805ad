create or replace function ledger.wallets_limits(wallet ledger.wallets)
returns ledger.wallet_limits
language sql
stable
begin atomic
  select l from ledger.wallet_limits l where l.wallet_id = wallet.id order by l.seq desc limit 1;
end;

comment on function ledger.wallets_limits is
$$The wallet's own limits in force, which go before those of its asset; null where none were ever set, and for
players.$$;

grant execute on function ledger.wallets_limits
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
