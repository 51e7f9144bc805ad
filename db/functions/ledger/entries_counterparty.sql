create or replace function ledger.entries_counterparty(entry ledger.entries)
returns text
language sql
stable
return case
  when entry.debit <> 'player' then entry.debit::text
  when entry.credit <> 'player' then entry.credit::text
  when entry.actor is not null then entry.to_wallet::text
  -- Under the caller's own policies.
  else (select e.wallet_id::text from ledger.entries e where e.transfer_id = entry.transfer_id and e.actor is not null)
end;

comment on function ledger.entries_counterparty is
$$The other side of the movement: the house's account, such as treasury or revenue, or the other player's wallet. Null
where credits were only reserved or freed, and for a player who received a transfer: only the sender may tell who sent
it.$$;

grant execute on function ledger.entries_counterparty
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
