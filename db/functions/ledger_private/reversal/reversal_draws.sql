create or replace function ledger_private.reversal_draws(
  reversal ledger.entries, original ledger.entries, bonus_before bigint
)
returns table (wallet_id uuid, seq bigint, lot_seq bigint, expires_at timestamptz, amount bigint, expected bigint)
language sql
stable
as $$
  with named as (
    -- Through a wallet that this one was merged into, the lots are that wallet's: where a merge brought the bonus, or
    -- new ones of the reversal.
    select n.lot_seq, g.expires_at, sum(g.amount) as amount
    from (
      select d.lot_seq, d.expires_at, d.amount
      from ledger.bonus_lot_draws d
      where d.wallet_id = original.wallet_id and d.seq = original.seq and d.amount > 0
      union all
      select l.seq, l.expires_at, l.amount
      from ledger.bonus_lots l
      where original.kind = 'bonus' and l.wallet_id = original.wallet_id and l.seq = original.seq
    ) g
    cross join lateral (
      select case when reversal.wallet_id = original.wallet_id then g.lot_seq when original.kind <> 'bonus'
        then reversal.seq else (select m.lot_seq from ledger_private.merged_lot(original, reversal.wallet_id) m) end
    ) n (lot_seq)
    group by n.lot_seq, g.expires_at
  ), given as (
    -- In the reverse order of drawing, after bonus credits that do not expire.
    select g.*, original.bonus_amount - sum(g.amount) over ()
      + sum(g.amount) over (order by g.expires_at desc, g.lot_seq desc) - g.amount as before
    from named g
  ), drawn as (
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where d.wallet_id = reversal.wallet_id and d.seq = reversal.seq
    union all
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, d.amount
    from ledger.bonus_lot_draws d
    where original.kind = 'transfer' and d.wallet_id = reversal.to_wallet and d.seq = reversal.to_seq
    union all
    select l.wallet_id, l.seq, l.seq, l.expires_at, -l.amount
    from ledger.bonus_lots l
    where l.wallet_id = reversal.wallet_id and l.seq = reversal.seq
  ), expected as (
    select reversal.wallet_id, reversal.seq, g.lot_seq, g.expires_at, least(
        bonus_before + reversal.bonus_amount, g.before + g.amount) - greatest(bonus_before, g.before) as amount
    from given g
    where original.kind = 'bonus'
    union all
    select reversal.wallet_id, reversal.seq, g.lot_seq, g.expires_at, greatest(bonus_before, g.before) - least(
        bonus_before + reversal.bonus_amount, g.before + g.amount)
    from given g
    where original.kind in ('spend', 'capture', 'exchange')
      and greatest(bonus_before, g.before) < least(bonus_before + reversal.bonus_amount, g.before + g.amount)
    union all
    -- Between players, what goes back to lots of the sender leaves the lots that the original made, with the same
    -- expiry.
    select d.wallet_id, d.seq, d.lot_seq, d.expires_at, least(d.amount, 0)
    from drawn d
    join given g on g.lot_seq = d.lot_seq and g.expires_at = d.expires_at
    where original.kind = 'transfer' and d.wallet_id = reversal.wallet_id
    union all
    select reversal.to_wallet, reversal.to_seq, original.to_seq, d.expires_at, -sum(d.amount)
    from drawn d
    where original.kind = 'transfer' and d.wallet_id = reversal.wallet_id and ledger_private.is_here(reversal.to_wallet)
    group by d.expires_at
  )
  select coalesce(d.wallet_id, x.wallet_id), coalesce(d.seq, x.seq), coalesce(d.lot_seq, x.lot_seq),
    coalesce(d.expires_at, x.expires_at), d.amount, x.amount::bigint
  from drawn d
  full join expected x on x.wallet_id = d.wallet_id and x.seq = d.seq and x.lot_seq = d.lot_seq
    and x.expires_at = d.expires_at
$$;

comment on function ledger_private.reversal_draws is
$$What a reversal drew from lots and gave back to them, and what it should have. Both are acting entries; bonus_before
is how many of the original's bonus credits had been reversed before.$$;

grant execute on function ledger_private.reversal_draws to wallet_auditor;
