create or replace function ledger_private.due_amount(head ledger.entries, at_time timestamptz)
returns bigint
language sql
stable
begin atomic
  -- Whatever had fallen due by the newest entry was booked before it. So only lots that fell due since can be left.
  select coalesce(sum(s.balance - s.held_balance), 0)::bigint
  from ledger.bonus_lots l
  cross join lateral ledger_private.lot_at(l, head.seq) s
  where l.wallet_id = head.wallet_id
    and l.expires_at > head.created_at
    and l.expires_at <= due_amount.at_time
    and l.seq <= head.seq;
end;

comment on function ledger_private.due_amount(ledger.entries, timestamptz) is
$$Bonus credits that had expired by an instant but were not yet booked to breakage by the wallet's newest entry then, in minor units: what the
balance counts and nobody can spend. Credits that a hold pins are not among them.$$;

revoke all on function ledger_private.due_amount(ledger.entries, timestamptz) from public;
grant execute on function ledger_private.due_amount(ledger.entries, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
