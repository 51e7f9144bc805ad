create or replace function ledger.wallet_node(wallet_id uuid)
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.node from ledger_private.other_ranges r
  where r.first_id <= wallet_node.wallet_id and r.last_id >= wallet_node.wallet_id
$$;

comment on function ledger.wallet_node is
$$@behavior -*
The name of the database that has a wallet, where that is another one; null where the wallet belongs to this database,
which it always does where a ledger has one database. It follows from the id alone: the wallet need not be opened.

- walletId: a player's wallet.$$;

grant execute on function ledger.wallet_node to wallet_player, wallet_service, wallet_operator, wallet_auditor,
  wallet_job;
