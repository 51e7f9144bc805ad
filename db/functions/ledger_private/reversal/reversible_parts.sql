create or replace function ledger_private.reversible_parts(original ledger.entries)
returns setof ledger_private.reversible_part
language sql
stable
as $$
  with given as (
    -- The lots that credits were drawn from; of a bonus, the lot that it made.
    select d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where d.wallet_id = original.wallet_id and d.seq = original.seq and d.amount > 0
    union all
    select l.seq, l.expires_at, l.amount
    from ledger.bonus_lots l
    where original.kind = 'bonus' and l.wallet_id = original.wallet_id and l.seq = original.seq
  ), reversals as (
    select r.wallet_id, r.amount, r.bonus_amount, r.seq
    from ledger.entries r
    where r.reverses = original.transfer_id
  ), reversed as (
    select d.lot_seq, d.expires_at, sum(abs(d.amount)) as amount
    from reversals r
    -- One look-up for each: joined, all draws that the wallet ever had are read.
    cross join lateral (
      select n.* from ledger.bonus_lot_draws n where n.wallet_id = original.wallet_id and n.seq = r.seq offset 0
    ) d
    where r.wallet_id = original.wallet_id
    group by d.lot_seq, d.expires_at
  ), later as (
    -- Through a wallet that this one was merged into, which has lots of its own: of an expiry, the newest went first.
    select d.expires_at, sum(d.amount) as amount
    from reversals r
    cross join lateral (
      select n.expires_at, n.amount from ledger.bonus_lot_draws n where n.wallet_id = r.wallet_id and n.seq = r.seq
      union all
      select n.expires_at, n.amount from ledger.bonus_lots n where n.wallet_id = r.wallet_id and n.seq = r.seq
    ) d
    where r.wallet_id <> original.wallet_id
    group by d.expires_at
  ), lots as (
    select u.lot_seq, u.expires_at, u.amount - greatest(case when u.is_last then coalesce(l.amount, 0) - u.before
      else least(coalesce(l.amount, 0) - u.before, u.amount) end, 0) as amount
    from (
      select g.lot_seq, g.expires_at, g.amount - coalesce(r.amount, 0) as amount,
        coalesce(sum(g.amount - coalesce(r.amount, 0)) over newer, 0) as before,
        row_number() over (partition by g.expires_at order by g.lot_seq) = 1 as is_last
      from given g
      left join reversed r using (lot_seq, expires_at)
      window newer as (partition by g.expires_at order by g.lot_seq desc rows between unbounded preceding
        and 1 preceding)
    ) u
    left join later l on l.expires_at = u.expires_at
  ), sums as (
    select original.amount - coalesce(sum(r.amount), 0) as amount,
      original.bonus_amount - coalesce(sum(r.bonus_amount), 0) as bonus_amount
    from reversals r
  )
  select 'paid', null::bigint, null::timestamptz, (s.amount - s.bonus_amount)::bigint from sums s
  union all
  select 'bonus', null, null, (s.bonus_amount - coalesce((select sum(l.amount) from lots l), 0))::bigint from sums s
  union all
  select 'lot', l.lot_seq, l.expires_at, l.amount::bigint from lots l
$$;

comment on function ledger_private.reversible_parts is
$$What is left to reverse of a movement: paid credits, bonus credits that do not expire, and those of each lot that it
drew from (of a bonus: that it made).$$;

grant execute on function ledger_private.reversible_parts to wallet_auditor;
