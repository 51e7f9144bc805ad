create or replace function ledger.wallet_balance(wallet_id uuid)
returns ledger.wallet_balance
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_head ledger.entries;
begin
  -- Under the caller's own policies: a wallet that the caller may not see is not found.
  if not exists (select from ledger.wallets w where w.id = wallet_balance.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  select e.* into v_head
    from ledger.entries e
    where e.wallet_id = wallet_balance.wallet_id
    order by e.seq desc
    limit 1;
  return ledger_private.balance_of(v_head, statement_timestamp());
end
$$;

comment on function ledger.wallet_balance is
$$A wallet's balances now, in minor units. The balance, its bonus part and its reserved part are those of its newest
entry. Available is what can be spent at this instant: holds that have expired since reserve nothing any more, and bonus
credits that have expired since are left out, unless an open hold pins them.

- walletId: a player's wallet that the caller may see.

Refuses with WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_balance
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
