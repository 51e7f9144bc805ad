create or replace function ledger_private.number_batch(requests ledger.transfers[], wallets ledger.wallets[])
returns ledger_private.batch_numbers
language sql
stable
-- One plan for all sizes of batch: arrays are joined by hash, and tables read by index, however few rows are expected of them.
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
as $$
  with items as (
    select r.kind, ledger_private.house_account(r.kind) as house, r.wallet_id, r.credit_wallet_id, r.amount, r.place,
      min(r.place) over (partition by r.wallet_id, r.idem_key)::int as first_place,
      exists (select from ledger.transfers t where t.wallet_id = r.wallet_id and t.idem_key = r.idem_key) as used
    from unnest(requests) with ordinality r (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq,
      requested_amount, amount, bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, place)
  ), numbers as materialized (
    select w.id, w.asset_code, w.house, w.status = 'open' as open, w.number
    from unnest(wallets) with ordinality w (id, owner_id, asset_code, normal_side, house, stripe, status, created_at, number)
  )
  select row(
    array_agg(a.number order by i.place),
    array_agg(case when i.kind = 'transfer' then c.number else h.number end order by i.place),
    array_agg(i.first_place order by i.place),
    array_agg(i.used order by i.place),
    array_agg((not a.open or i.used or i.first_place < i.place
      or case when i.kind = 'transfer' then not c.open or c.asset_code <> a.asset_code else i.credit_wallet_id is not null end
      ) is not false order by i.place),
    -- One that is refused for its amount takes nothing off what those before it may reach.
    sum(greatest(i.amount, 0))
  )::ledger_private.batch_numbers
  from items i
  left join numbers a on a.id = i.wallet_id and a.house is null
  left join numbers c on c.id = i.credit_wallet_id and c.house is null
  left join numbers h on h.asset_code = a.asset_code and h.house = i.house
$$;

comment on function ledger_private.number_batch(ledger.transfers[], ledger.wallets[]) is
$$For each request of a batch, by place: the numbers of its two wallets among these (null where one is not there), the place of the first one with
its key, whether that key has been used before, and whether anything about it but limits and funds may be refused or not be booked: what is
not odd needs no further look.$$;

revoke all on function ledger_private.number_batch(ledger.transfers[], ledger.wallets[]) from public;
