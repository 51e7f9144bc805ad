create or replace function ledger_private.closing_draws(wallet_id uuid, hold_id uuid, seq bigint, bonus_amount bigint)
returns setof ledger.bonus_lot_draws
language sql
stable
as $$
  -- The earliest expiry first, as they were pinned. (Numeric sums: casts keep the row's types.)
  select p.wallet_id, p.lot_seq, p.expires_at, closing_draws.seq, p.hold_id,
    least(p.held_amount, greatest(closing_draws.bonus_amount - p.before, 0))::bigint, -p.held_amount,
    null::bigint, null::bigint
  from (
    select d.*, sum(d.held_amount) over (order by d.expires_at, d.lot_seq) - d.held_amount as before
    from ledger.bonus_lot_draws d
    -- No join, which may read all holds and draws that the wallet ever had.
    where d.wallet_id = closing_draws.wallet_id
      and d.seq = (select h.seq from ledger.holds h where h.wallet_id = closing_draws.wallet_id
        and h.id = closing_draws.hold_id)
  ) p
$$;

comment on function ledger_private.closing_draws is
$$What the end of a hold does to the lots that it pinned: frees all of each, and takes bonus_amount out of them, the
earliest expiry first. seq is the number of the wallet's entry that ends it.$$;

grant execute on function ledger_private.closing_draws to wallet_auditor;
