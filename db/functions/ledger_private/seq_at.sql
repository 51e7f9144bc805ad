create or replace function ledger_private.seq_at(wallet_id uuid, at_time timestamptz)
returns bigint
language plpgsql
stable
as $$
declare
  v_before bigint := 0;
  v_after bigint;
  v_middle bigint;
  v_time timestamptz;
begin
  select e.seq, e.created_at into v_after, v_time
    from ledger.entries e
    where e.wallet_id = seq_at.wallet_id
    order by e.seq desc
    limit 1;
  if v_time <= at_time then
    return v_after;
  end if;
  -- A wallet's time never runs backwards and its numbers have no gaps: what is sought lies from v_before to below v_after.
  while v_after - v_before > 1 loop
    v_middle := (v_before + v_after) / 2;
    select e.created_at into strict v_time from ledger.entries e where e.wallet_id = seq_at.wallet_id and e.seq = v_middle;
    if v_time <= at_time then
      v_before := v_middle;
    else
      v_after := v_middle;
    end if;
  end loop;
  return v_before;
end
$$;

comment on function ledger_private.seq_at(uuid, timestamptz) is
  'Number of the wallet''s newest entry at or before an instant, by binary search; 0 where there is none.';

revoke all on function ledger_private.seq_at(uuid, timestamptz) from public;
grant execute on function ledger_private.seq_at(uuid, timestamptz)
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
