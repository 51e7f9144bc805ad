create or replace function ledger_private.load_batch(requests ledger.wallet_request[], batch ledger_private.batch)
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_wallets ledger.wallets[] := batch.wallets;
  v_ids uuid[] := batch.ids;
  v_heads ledger_private.batch_heads;
  v_limits ledger.asset_limits[];
  v_day_before ledger.entries[];
  v_numbers ledger_private.batch_numbers;
  v_open uuid[];
begin
  v_numbers := ledger_private.number_batch(requests, v_wallets);
  v_open := ledger_private.with_open(v_ids);
  if cardinality(v_open) > 0 then
    -- A repetition books nothing, not even what is due.
    v_open := ledger_private.with_open(array(
      select distinct v_ids[n]
        from unnest(v_numbers.numbers, v_numbers.other_numbers, v_numbers.used) i (number, other_number, used)
        cross join unnest(array[i.number, i.other_number]) n
        where not i.used));
    if ledger_private.has_due(v_open, batch.at_time) then
      -- Where it fell due while locks were waited for, breakage comes out of order: so nobody may wait for it, 55P03 says to try again.
      perform from ledger.wallets w
        where w.stripe = 32 and w.house = 'breakage' and w.asset_code = any (batch.assets)
        order by w.id
        for no key update nowait;
      perform ledger_private.settle(v_open, batch.at_time, 32);
    end if;
  end if;
  v_heads := ledger_private.batch_heads(v_ids, batch.at_time);
  if exists (select from ledger.asset_limits l where l.asset_code = any (batch.assets)) then
    v_limits := array(
      select (select l from ledger.asset_limits l where l.asset_code = w.asset_code order by l.seq desc limit 1) from unnest(v_wallets) w);
    v_day_before := array(
      select case when num_nonnulls((v_limits[n]).max_daily_top_up, (v_limits[n]).max_daily_bonus, (v_limits[n]).max_daily_spend) > 0 then
          ledger_private.entry_at(v_ids[n], v_heads.times[n] - interval '24 hours') end
        from generate_series(1, cardinality(v_wallets)) n);
  end if;
  -- Whether a limit, or the end of what is counted, may be reached.
  batch.judged := cardinality(v_limits) > 0 is true or (v_heads.largest + v_numbers.total > 9000000000000000000) is not false;
  batch.heads := v_heads;
  batch.limits := v_limits;
  batch.day_before := v_day_before;
  batch.numbers := v_numbers;
  batch.lots := cardinality(v_open) > 0 or v_numbers.expiring;
  return batch;
end
$$;

comment on function ledger_private.load_batch(ledger.wallet_request[], ledger_private.batch) is
$$What a batch is judged by, once its wallets are locked: those of them that are there and the house, with their heads and, where there are any,
limits; and what is to be known of each request. Books what is due in wallets that something is to be booked for.$$;

revoke all on function ledger_private.load_batch(ledger.wallet_request[], ledger_private.batch) from public;
