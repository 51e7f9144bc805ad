create or replace function ledger_private.load_batch(requests ledger.transfers[], at_time timestamptz)
returns ledger_private.batch
language plpgsql
volatile
-- A plan for each size of batch: arrays are joined here.
set plan_cache_mode = force_custom_plan
as $$
declare
  v_batch ledger_private.batch;
  v_wallets ledger.wallets[];
  v_fresh uuid[];
begin
  -- Wallets by number, so that arrays can be kept of them: players, and the house's stripes for batches. One that is not there has none.
  v_wallets := array(
    select w from ledger.wallets w
      where w.id in (select r.wallet_id from unnest(requests) r union all select r.credit_wallet_id from unnest(requests) r) and w.house is null);
  v_wallets := v_wallets || array(
    select w from ledger.wallets w
      where w.stripe = 32
        and w.asset_code in (select p.asset_code from unnest(v_wallets) p)
        and w.house in (select ledger_private.house_account(r.kind) from unnest(requests) r));
  v_batch.wallets := v_wallets;
  with items as (
    select r.kind, ledger_private.house_account(r.kind) as house, r.wallet_id, r.credit_wallet_id, r.idem_key, row_number() over () as place
    from unnest(requests) r
  ), numbers as (
    select w.id, w.asset_code, w.house, row_number() over ()::int as number from unnest(v_wallets) w
  ), found as (
    select i.place, i.wallet_id, i.credit_wallet_id, a.number, case when i.kind = 'transfer' then c.number else h.number end as other_number,
      min(i.place) over (partition by i.wallet_id, i.idem_key)::int as first_place, f.first
    from items i
    left join numbers a on a.id = i.wallet_id and a.house is null
    left join numbers c on c.id = i.credit_wallet_id and c.house is null
    left join numbers h on h.asset_code = a.asset_code and h.house = i.house
    left join lateral (
      select t as first from ledger.transfers t where t.wallet_id = i.wallet_id and t.idem_key = i.idem_key limit 1
    ) f on true
  )
  select array_agg(f.number order by f.place), array_agg(f.other_number order by f.place),
      array_agg(f.first_place order by f.place), array_agg(f.first order by f.place),
      array_agg(case when (f.first).id is not null then ledger_private.receipt(f.first, (
        select e from ledger.entries e
        where e.wallet_id = (f.first).wallet_id
          and e.seq = case when (f.first).debit_wallet_id = (f.first).wallet_id then (f.first).debit_seq else (f.first).credit_seq end
      ), true) end order by f.place),
      array_agg(f.wallet_id) filter (where (f.first).id is null) || array_agg(f.credit_wallet_id) filter (where (f.first).id is null)
    into v_batch.numbers, v_batch.other_numbers, v_batch.first_places, v_batch.firsts, v_batch.receipts, v_fresh
    from found f;

  -- A repetition books nothing, not even what is due.
  perform ledger_private.settle(array(select distinct u from unnest(v_fresh) u where u is not null), at_time, 32);
  select array_agg(s.head order by s.place), array_agg(s.limits order by s.place),
      array_agg(case when num_nonnulls((s.limits).max_daily_top_up, (s.limits).max_daily_bonus, (s.limits).max_daily_spend) > 0 then
        ledger_private.entry_at(s.id, greatest(at_time, (s.head).created_at) - interval '24 hours') end order by s.place),
      array_agg(s.held_bonus order by s.place)
    into v_batch.heads, v_batch.limits, v_batch.day_before, v_batch.held_bonus
    from (
      select w.id, row_number() over () as place,
        (select e from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1) as head,
        (select l from ledger.asset_limits l where l.asset_code = w.asset_code order by l.seq desc limit 1) as limits,
        (select coalesce(sum(h.bonus_amount), 0)::bigint from ledger_private.open_holds o
          join ledger.holds h on h.wallet_id = o.wallet_id and h.id = o.hold_id where o.wallet_id = w.id) as held_bonus
      from unnest(v_wallets) w
    ) s;
  return v_batch;
end
$$;

comment on function ledger_private.load_batch(ledger.transfers[], timestamptz) is
$$What a batch is judged by, once its wallets are locked: those of them that are there and the house's, with their heads, limits and reserved bonus
credits; of each request the numbers of its two wallets, the place of the first one in the batch with its key, and what that key was used for
before, with the receipt. Books what is due in wallets that something is to be booked for.$$;

revoke all on function ledger_private.load_batch(ledger.transfers[], timestamptz) from public;
