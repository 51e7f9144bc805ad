create or replace function ledger.wallets_seq(wallet ledger.wallets)
returns bigint
language sql
stable
return coalesce((select e.seq from ledger.entries e where e.wallet_id = wallet.id order by e.seq desc limit 1), 0);

comment on function ledger.wallets_seq is
$$@notNull
The number of its newest entry: whoever knows it knows which entries are new since. 0 before the first.$$;

grant execute on function ledger.wallets_seq
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
