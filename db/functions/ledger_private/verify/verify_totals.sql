create or replace function ledger_private.verify_totals()
returns setof ledger.finding
language sql
stable
as $$
  with heads as (
    select h.wallet_id, h.block_seq, h.seq, lag(h.seq, 1, 0::bigint)
      over (partition by h.wallet_id order by h.block_seq) as before
    from ledger.block_heads h
  ), closed as (
    select w.asset_code, e.kind, a.debit, a.credit, h.block_seq,
      ledger_private.quarter(e.created_at, p.final_until) as quarter,
      count(*) as movements, sum(e.amount) as amount, sum(e.bonus_amount) as bonus_amount,
      max(greatest(e.created_at, p.final_until)) as counted_until
    from heads h
    left join ledger.blocks p on p.seq = h.block_seq - 1
    join ledger_private.movements() e on e.wallet_id = h.wallet_id and e.seq > h.before and e.seq <= h.seq
      and e.amount > 0
    join ledger.wallets w on w.id = h.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
    group by 1, 2, 3, 4, 5, 6
  ), expected as (
    select c.*, sum(c.movements) over earlier as total_movements, sum(c.amount) over earlier as total_amount,
      sum(c.bonus_amount) over earlier as total_bonus_amount
    from closed c
    window earlier as (partition by c.asset_code, c.kind, c.debit, c.credit order by c.block_seq, c.quarter)
  )
  select 'house_total', null::uuid, null::bigint, null::uuid, jsonb_build_object('found', to_jsonb(t),
    'expected', to_jsonb(x))
  from ledger.house_totals t
  full join expected x on x.asset_code = t.asset_code and x.kind = t.kind and x.debit = t.debit and x.credit = t.credit
    and x.block_seq = t.block_seq and x.quarter = t.quarter
  where (t.movements, t.amount, t.bonus_amount, t.total_movements, t.total_amount, t.total_bonus_amount)
    is distinct from (x.movements, x.amount, x.bonus_amount, x.total_movements, x.total_amount, x.total_bonus_amount)
  union all
  -- Reports look by it for the blocks that an instant lies in. Of blocks that release 0.1.0 closed, it is the end of
  -- the quarter of an hour.
  select 'house_total', null, null, null, jsonb_build_object('block', b.seq, 'counted_until', b.counted_until,
    'expected', b.expected)
  from (
    select n.seq, n.counted_until, max(greatest(c.counted_until, '-infinity')) over (order by n.seq) as expected
    from ledger.blocks n
    left join (select c.block_seq, max(c.counted_until) as counted_until from closed c group by c.block_seq) c
      on c.block_seq = n.seq
  ) b
  where b.counted_until not in (b.expected,
    ledger_private.quarter(b.expected, null) + interval '15 minutes' - interval '1 microsecond')
  union all
  -- What players have by their newest entries is what the movements gave them.
  select 'asset_sum', null, null, null, jsonb_build_object('asset_code', s.asset_code, 'players', s.balance,
    'movements', s.moved, 'players_bonus', s.bonus_balance, 'movements_bonus', s.moved_bonus)
  from (
    select w.asset_code, sum(h.balance) as balance, sum(h.bonus_balance) as bonus_balance, sum(m.amount) as moved,
      sum(m.bonus_amount) as moved_bonus
    from ledger.wallets w
    cross join lateral ledger_private.head(w.id) h
    cross join lateral (
      select sum(e.amount * c.change) as amount, sum(e.bonus_amount * c.change) as bonus_amount
      from ledger_private.movements() e
      cross join lateral ledger_private.accounts_here(e) a
      cross join lateral (select (a.credit = 'player')::int - (a.debit = 'player')::int) c (change)
      where e.wallet_id = w.id
    ) m
    group by w.asset_code
  ) s
  where s.balance <> coalesce(s.moved, 0) or s.bonus_balance <> coalesce(s.moved_bonus, 0)
$$;

comment on function ledger_private.verify_totals is
$$A finding for each row of house_totals that is not the sum of what its block closed, for each block whose
counted_until is neither the newest of what was closed until then nor the end of that quarter of an hour, and for each
asset of which players have more or less than all movements gave them.$$;

grant execute on function ledger_private.verify_totals to wallet_auditor;
