create or replace function ledger_private.skipped_items(requests ledger.wallet_request[], wallet_ids uuid[])
returns boolean[]
language plpgsql
stable
as $$
declare
  -- Of each wallet by its number, and of each item by its place.
  v_skipped boolean[];
  v_items boolean[] := '{}';
  v_item record;
begin
  v_skipped := array(
    select s.id is not null
    from (select distinct w.wallet_id as id from ledger_private.group_wallets(requests) w) n
    left join unnest(wallet_ids) s (id) on s.id = n.id
    order by n.id);
  for v_item in
    select r.place, array_agg(w.number) filter (where w.number is not null) as numbers
      from generate_series(1, cardinality(requests)) r (place)
      left join (
        select g.place, dense_rank() over (order by g.wallet_id) as number from ledger_private.group_wallets(requests) g
      ) w on w.place = r.place
      group by r.place
      order by r.place
  loop
    v_items[v_item.place] := false;
    for i in 1 .. coalesce(cardinality(v_item.numbers), 0) loop
      v_items[v_item.place] := v_items[v_item.place] or v_skipped[v_item.numbers[i]];
    end loop;
    -- What comes later in a wallet of it does not overtake it.
    for i in 1 .. case when v_items[v_item.place] then cardinality(v_item.numbers) else 0 end loop
      v_skipped[v_item.numbers[i]] := true;
    end loop;
  end loop;
  return v_items;
end
$$;

comment on function ledger_private.skipped_items is
$$Which of many requests have to be left out where these wallets were skipped: those that touch one of them, and those
that come after such a request in any wallet of it.$$;
