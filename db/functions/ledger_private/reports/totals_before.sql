create or replace function ledger_private.totals_before(at_times timestamptz[], asset_code text)
returns setof ledger_private.moved
language sql
stable
as $$
  with newest as materialized (
    select b.seq, b.final_until from ledger.blocks b order by b.seq desc limit 1
  ), instants as materialized (
    -- All that blocks before first_block closed counts before the instant, and nothing that blocks after last_block
    -- closed.
    select u.at_time, u.place, ledger_private.quarter(u.at_time, null) as quarter,
      coalesce(f.seq, 9223372036854775807) as first_block, coalesce(l.seq, 9223372036854775807) as last_block
    from unnest(totals_before.at_times) with ordinality u (at_time, place)
    left join lateral (select b.seq from ledger.blocks b where b.counted_until >= u.at_time
      order by b.counted_until, b.seq limit 1) f on true
    left join lateral (select b.seq from ledger.blocks b where b.final_until >= u.at_time
      order by b.final_until, b.seq limit 1) l on true
  ), between_blocks as materialized (
    select i.*, b.seq as block_seq from instants i
    join ledger.blocks b on b.seq >= i.first_block and b.seq <= i.last_block
  ), keys as materialized (
    select n as newest from ledger_private.newest_totals(totals_before.asset_code) n
  ), open_sums as materialized (
    -- What no block has closed yet, by the place of the first instant after it.
    select w.asset_code, e.kind, a.debit, a.credit,
      width_bucket(greatest(e.created_at, (select n.final_until from newest n)), totals_before.at_times) as place,
      count(*) as movements, sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount
    from ledger_private.rows_since((select ledger_private.closed_snapshot())) e
    -- One look-up for each: joined, all wallets of the asset may be read.
    cross join lateral (select n.asset_code from ledger.wallets n where n.id = e.wallet_id offset 0) w
    cross join lateral ledger_private.accounts_here(e) a
    where e.amount > 0 and exists (select from instants i where i.last_block = 9223372036854775807)
      and (totals_before.asset_code is null or w.asset_code = totals_before.asset_code)
    group by 1, 2, 3, 4, 5
  )
  select i.at_time, t.asset_code, t.kind, t.debit, t.credit, t.total_movements, t.total_amount, t.total_bonus_amount
  from instants i
  cross join keys k
  cross join lateral (
    select n.* from ledger.house_totals n
    where n.asset_code = (k.newest).asset_code and n.kind = (k.newest).kind and n.debit = (k.newest).debit
      and n.credit = (k.newest).credit and n.block_seq < i.first_block
    order by n.block_seq desc, n.quarter desc limit 1
  ) t
  union all
  select i.at_time, p.asset_code, p.kind, p.debit, p.credit, p.movements, p.amount, p.bonus_amount
  from between_blocks i
  cross join keys k
  cross join lateral ledger_private.block_totals_before(i.block_seq, i.quarter, k.newest) p
  union all
  select i.at_time, p.asset_code, p.kind, p.debit, p.credit, p.movements, p.amount, p.bonus_amount
  from between_blocks i
  cross join lateral ledger_private.quarter_totals_before(i.block_seq, i.at_time, totals_before.asset_code) p
  where i.at_time > i.quarter
  union all
  select i.at_time, s.asset_code, s.kind, s.debit, s.credit, s.movements, s.amount, s.bonus_amount
  from open_sums s
  join instants i on i.place > s.place
$$;

comment on function ledger_private.totals_before is
$$What had moved between accounts before each of these instants, which rise and are distinct: by asset, kind and
accounts, in several rows to be added up. A movement counts when it was booked; one that a clock which was set back
booked where figures were final already, at the final_until of then. So what is final never changes.$$;

grant execute on function ledger_private.totals_before to wallet_operator, wallet_auditor;
