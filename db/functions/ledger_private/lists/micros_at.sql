create or replace function ledger_private.micros_at(at_time timestamptz)
returns bigint
language plpgsql
stable
as $$
declare
  -- What got its id before v_low was booked before the time, what got it at v_high or later was booked at or after it.
  v_low bigint;
  v_high bigint;
  v_middle bigint;
  v_id uuid;
  v_time timestamptz;
  -- Most were given their ids when they were booked: two looks around the time leave few more.
  v_guess bigint := case when isfinite(at_time) then (extract(epoch from at_time) * 1000000)::bigint - 500000 end;
begin
  select ledger_private.id_micros(e.transfer_id) into v_low
    from ledger.entries e where e.actor is not null order by e.transfer_id limit 1;
  select ledger_private.id_micros(e.transfer_id) + 1 into v_high
    from ledger.entries e where e.actor is not null order by e.transfer_id desc limit 1;
  while v_high - v_low > 1000000 loop
    v_middle := case when v_guess > v_low and v_guess < v_high then v_guess else (v_low + v_high) / 2 end;
    select e.transfer_id, e.created_at into v_id, v_time
      from ledger.entries e where e.actor is not null and e.transfer_id >= ledger_private.id_from(v_middle)
      order by e.transfer_id limit 1;
    if v_time < at_time then
      v_low := ledger_private.id_micros(v_id) + 1;
    else
      v_high := v_middle;
    end if;
    -- The other side of the time, then none.
    v_guess := case when v_middle = v_guess and v_time < at_time then v_guess + 1000000 end;
  end loop;
  return v_low;
end
$$;

comment on function ledger_private.micros_at is
$$A microsecond, to the second, from which on movements were given their ids that were booked at a time or later; null
where nothing is booked. A binary search: ids and times have the same order, but for what was under way at once.$$;

grant execute on function ledger_private.micros_at
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
