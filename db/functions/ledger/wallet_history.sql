create or replace function ledger.wallet_history(
  wallet_id uuid,
  from_time timestamptz default null,
  to_time timestamptz default null
)
returns setof ledger.history_line
language sql
stable
begin atomic
  select e.seq, e.created_at, e.kind, ledger.entries_side(e), e.amount, e.bonus_amount, e.held_amount, e.balance,
    e.bonus_balance, e.held_balance, e.transfer_id, ledger.entries_counterparty(e), t.idem_key, t.actor, t.metadata
  from ledger.entries e
  left join ledger.transfers t on t.id = e.transfer_id
  where e.wallet_id = wallet_history.wallet_id
    and e.seq > (select coalesce(ledger_private.seq_before(wallet_history.wallet_id, from_time), 0))
    and e.seq <= (select coalesce(ledger_private.seq_before(wallet_history.wallet_id, to_time), 9223372036854775807))
  order by e.seq;
end;

comment on function ledger.wallet_history is
$$@behavior -*
The history of a wallet that the caller may see, oldest first: what was booked at or after from_time and before to_time;
null is no bound. So the history up to an instant and the one from it on have each entry once. Of a transfer received, a
player sees the entry alone: counterparty, key, actor and metadata are for the sender alone, and come as null.$$;

grant execute on function ledger.wallet_history
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
