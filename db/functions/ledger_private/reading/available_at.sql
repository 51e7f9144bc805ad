create or replace function ledger_private.available_at(head ledger.entries, at_time timestamptz)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_available bigint := head.balance - head.held_balance;
begin
  -- Whatever had fallen due by the newest entry was booked before it. So only holds and lots that fell due since count.
  -- What a due hold reserves is free again, unless it has expired too.
  if head.held_balance > 0 then
    v_available := v_available + (
      select coalesce(sum(h.amount - (
          select coalesce(sum(d.held_amount), 0) from ledger.bonus_lot_draws d
          where d.seq = h.seq and d.wallet_id = h.wallet_id and d.expires_at <= available_at.at_time)), 0)
      from ledger.holds h
      where h.wallet_id = head.wallet_id
        and h.expires_at > head.created_at
        and h.expires_at <= available_at.at_time
        and h.seq <= head.seq
        -- One look-up for each: joined, all movements that the wallet ever had may be read.
        and (
          select e.seq from ledger.entries e
          where e.wallet_id = h.wallet_id and e.hold_id = h.id and e.kind <> 'hold' and e.seq <= head.seq
          limit 1
        ) is null);
  end if;
  if head.bonus_balance > 0 then
    v_available := v_available - (
      select coalesce(sum(s.balance - s.held_balance), 0)
      from ledger.bonus_lots l
      cross join lateral ledger_private.lot_at(l, head.seq) s
      where l.wallet_id = head.wallet_id
        and l.expires_at > head.created_at
        and l.expires_at <= available_at.at_time
        and l.seq <= head.seq);
  end if;
  return v_available;
end
$$;

comment on function ledger_private.available_at is
$$What could be spent of a wallet at an instant, in minor units, from the newest entry that it had then: the balance
less what open holds reserve and less bonus credits that have expired. What is due counts at once, whether it is
booked or not. Null without an entry.$$;

grant execute on function ledger_private.available_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
