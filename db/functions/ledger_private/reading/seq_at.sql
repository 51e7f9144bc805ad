create or replace function ledger_private.seq_at(wallet_id uuid, at_time timestamptz)
returns bigint
language plpgsql
stable
as $$
declare
  -- Everything up to and including v_low was booked by then, everything from v_high on later.
  v_low bigint := 0;
  v_high bigint;
  v_middle bigint;
  v_time timestamptz;
begin
  if at_time is null then
    return null;
  end if;
  select e.seq, e.created_at into v_high, v_time
    from ledger.entries e
    where e.wallet_id = seq_at.wallet_id
    order by e.seq desc
    limit 1;
  if not found or v_time <= at_time then
    return coalesce(v_high, 0);
  end if;
  while v_high - v_low > 1 loop
    v_middle := (v_low + v_high) / 2;
    select e.created_at into v_time from ledger.entries e where e.wallet_id = seq_at.wallet_id and e.seq = v_middle;
    if v_time <= at_time then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return v_low;
end
$$;

comment on function ledger_private.seq_at is
$$The number of a wallet's newest entry at or before a time; 0 where there is none, or the caller may not see the
wallet. A binary search: a wallet's time never runs backwards, and its numbers have no gaps.$$;

grant execute on function ledger_private.seq_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
