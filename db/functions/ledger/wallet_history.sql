create or replace function ledger.wallet_history(wallet_id uuid)
returns setof ledger.history_line
language sql
stable
begin atomic
  select e.seq, e.created_at, e.kind, e.side, e.amount, e.bonus_amount, e.held_amount, e.balance, e.bonus_balance,
    e.held_balance, e.transfer_id, ledger_private.counterparty(e, t, o.kind), t.idem_key, t.actor, t.metadata
  from ledger.entries e
  left join ledger.transfers t on t.id = e.transfer_id
  left join ledger.transfers o on o.id = t.reverses
  where e.wallet_id = wallet_history.wallet_id
  order by e.seq;
end;

comment on function ledger.wallet_history(uuid) is
$$@behavior -*
The full history of a wallet that the caller may see, oldest first. Of a transfer received, a player sees the entry alone: counterparty, key,
actor and metadata are the sender's and come as null.$$;

revoke all on function ledger.wallet_history(uuid) from public;
grant execute on function ledger.wallet_history(uuid)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
