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
    select r.amount, r.bonus_amount, r.seq
    from ledger.entries r
    where r.wallet_id = original.wallet_id and r.reverses = original.transfer_id
  ), reversed as (
    select d.lot_seq, d.expires_at, sum(abs(d.amount)) as amount
    from reversals r
    -- One look-up for each: joined, all draws that the wallet ever had are read.
    cross join lateral (
      select n.* from ledger.bonus_lot_draws n where n.wallet_id = original.wallet_id and n.seq = r.seq offset 0
    ) d
    group by d.lot_seq, d.expires_at
  ), lots as (
    select g.lot_seq, g.expires_at, g.amount - coalesce(r.amount, 0) as amount
    from given g
    left join reversed r using (lot_seq, expires_at)
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
