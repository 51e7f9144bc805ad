create or replace function ledger_private.load_batch(requests ledger.transfers[], batch ledger_private.batch)
returns ledger_private.batch
language plpgsql
volatile
-- One plan for all sizes of batch, which looks up by index: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_wallets ledger.wallets[] := batch.wallets;
  v_heads ledger.entries[];
  v_limits ledger.asset_limits[];
  v_day_before ledger.entries[];
  v_numbers ledger_private.batch_numbers;
  v_rich uuid[];
begin
  v_numbers := ledger_private.number_batch(requests, v_wallets);
  v_heads := ledger_private.heads(v_wallets);

  -- Only who has bonus credits or holds can have anything due; and a repetition books nothing, not even that.
  v_rich := array(
    select distinct (v_heads[n]).wallet_id
      from unnest(v_numbers.numbers, v_numbers.other_numbers, v_numbers.used) i (number, other_number, used)
      cross join unnest(array[i.number, i.other_number]) n
      where not i.used and (v_wallets[n]).house is null and greatest((v_heads[n]).bonus_balance, (v_heads[n]).held_balance) > 0);
  if cardinality(v_rich) > 0 then
    if ledger_private.has_due(v_rich, batch.at_time) then
      -- Where it fell due while locks were waited for, breakage comes out of order: so nobody may wait for it, 55P03 says to try again.
      perform from ledger.wallets w
        where w.stripe = 32 and w.house = 'breakage' and w.asset_code = any (array(select distinct p.asset_code from unnest(v_wallets) p))
        order by w.id
        for no key update nowait;
      perform ledger_private.settle(v_rich, batch.at_time, 32);
      v_heads := ledger_private.heads(v_wallets);
    end if;
  end if;
  if exists (select from ledger.asset_limits l where l.asset_code in (select w.asset_code from unnest(v_wallets) w)) then
    v_limits := array(
      select (select l from ledger.asset_limits l where l.asset_code = w.asset_code order by l.seq desc limit 1) from unnest(v_wallets) w);
    v_day_before := array(
      select case when num_nonnulls((v_limits[n]).max_daily_top_up, (v_limits[n]).max_daily_bonus, (v_limits[n]).max_daily_spend) > 0 then
          ledger_private.entry_at((v_heads[n]).wallet_id, greatest(batch.at_time, (v_heads[n]).created_at) - interval '24 hours') end
        from generate_series(1, cardinality(v_wallets)) n);
  end if;
  return row(batch.at_time, v_wallets, v_heads, v_limits, v_day_before, v_numbers);
end
$$;

comment on function ledger_private.load_batch(ledger.transfers[], ledger_private.batch) is
$$What a batch is judged by, once its wallets are locked: those of them that are there and the house's, with their heads and, where there are any,
limits; and what is to be known of each request. Books what is due in wallets that something is to be booked for.$$;

revoke all on function ledger_private.load_batch(ledger.transfers[], ledger_private.batch) from public;
