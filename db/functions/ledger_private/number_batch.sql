create or replace function ledger_private.number_batch(requests ledger.wallet_request[], wallets ledger.wallets[])
returns ledger_private.batch_numbers
language sql
stable
-- One plan for all sizes of batch: arrays are joined by hash, and tables read by index, however few rows are expected of them.
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
as $$
  with items as materialized (
    select r.kind, ledger_private.house_account(r.kind) as house, r.wallet_id, r.counterparty_id, r.amount, r.idem_key, r.expires_at, r.place,
      exists (select from ledger.transfers t where t.wallet_id = r.wallet_id and t.idem_key = r.idem_key) as used
    from unnest(requests) with ordinality r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, place)
  ), repeated as (
    select i.wallet_id, i.idem_key, min(i.place) as first_place from items i group by i.wallet_id, i.idem_key having count(*) > 1
  ), numbers as materialized (
    select w.id, w.asset_code, w.house, w.status = 'open' as open, w.number
    from unnest(wallets) with ordinality w (id, owner_id, asset_code, normal_side, house, stripe, status, created_at, number)
  )
  -- Few and narrow columns, because these are sorted.
  select row(
    array_agg(n.number order by n.place), array_agg(n.other_number order by n.place), array_agg(n.first_place order by n.place),
    array_agg(n.used order by n.place), array_agg(n.odd order by n.place),
    -- One that is refused for its amount takes nothing off what those before it may reach.
    sum(greatest(n.amount, 0)), bool_or(n.expiring)
  )::ledger_private.batch_numbers
  from (
    select i.place, i.amount, i.expires_at is not null as expiring, i.used, coalesce(f.first_place, i.place) as first_place, a.number,
        case when i.kind = 'transfer' then c.number else h.number end as other_number,
        (not a.open or i.used or coalesce(f.first_place < i.place, false)
          or case when i.kind = 'transfer' then not c.open or c.asset_code <> a.asset_code else i.counterparty_id is not null end
        ) is not false as odd
      from items i
      left join repeated f on f.wallet_id = i.wallet_id and f.idem_key = i.idem_key
      left join numbers a on a.id = i.wallet_id and a.house is null
      left join numbers c on c.id = i.counterparty_id and c.house is null
      left join numbers h on h.asset_code = a.asset_code and h.house = i.house
      offset 0
  ) n
$$;

comment on function ledger_private.number_batch(ledger.wallet_request[], ledger.wallets[]) is
$$For each request of a batch, by place: the numbers of its two wallets among these (null where one is not there), the place of the first one with
its key, whether that key has been used before, and whether anything about it but limits and funds may be refused or not be booked: what is
not odd needs no further look. For all of them: the sum of their amounts, and whether any is to expire.$$;

revoke all on function ledger_private.number_batch(ledger.wallet_request[], ledger.wallets[]) from public;
