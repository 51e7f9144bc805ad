create or replace function ledger.entries_counterparty(entry ledger.entries)
returns text
language sql
stable
begin atomic
  select ledger_private.counterparty(entry, t, (select o.kind from ledger.transfers o where o.id = t.reverses))
  from ledger.transfers t
  where t.id = entry.transfer_id;
end;

comment on function ledger.entries_counterparty(ledger.entries) is
$$The other side of the movement: the house's account (treasury, promotions, revenue or breakage) or the other player's wallet; of a
reversal, that of the movement it reverses. Null where credits were only reserved or freed, and for a player who received a transfer: only
the sender may tell who sent it.$$;

revoke all on function ledger.entries_counterparty(ledger.entries) from public;
grant execute on function ledger.entries_counterparty(ledger.entries)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
