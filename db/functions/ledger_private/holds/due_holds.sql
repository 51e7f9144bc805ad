create or replace function ledger_private.due_holds(head ledger.entries, at_time timestamptz)
returns setof ledger.holds
language sql
stable
as $$
  -- Whatever had fallen due by the newest entry was booked before it. So only holds that fell due since can be open.
  select h.*
  from ledger.holds h
  where h.wallet_id = head.wallet_id
    and h.expires_at > head.created_at
    and h.expires_at <= due_holds.at_time
    and h.seq <= head.seq
    -- One look-up for each: joined, all movements that the wallet ever had may be read.
    and (
      select e.seq from ledger.entries e
      where e.wallet_id = h.wallet_id and e.hold_id = h.id and e.kind <> 'hold' and e.seq <= head.seq
      limit 1
    ) is null
$$;

comment on function ledger_private.due_holds is
$$Holds that had expired by an instant and that the wallet's newest entry then had not yet freed: they are void, but what they reserve is still
in that entry's held balance.$$;

grant execute on function ledger_private.due_holds
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
