create or replace function ledger_private.reversal_plan(
  original ledger.entries,
  amount bigint,
  given_to ledger.entries,
  taken_from ledger.entries
)
returns ledger_private.reversal_plan
language plpgsql
stable
as $$
declare
  v_reserved_bonus bigint := ledger_private.reserved_bonus(taken_from);
  -- The lots in the wallet that gives back: those that the original made there.
  v_lot_seq bigint := coalesce(original.to_seq, original.seq);
  v_plan ledger_private.reversal_plan := row(0, amount, null);
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_expires_at timestamptz;
  v_taken bigint := 0; -- by lots of that expiry before
  v_most bigint; -- Null where the lot has nothing but what the original brought.
  v_part ledger_private.reversible_part;
  v_take bigint;
begin
  if taken_from.wallet_id not in (original.wallet_id, coalesce(original.to_wallet, original.wallet_id)) then
    select m.lot_seq, m.amount into v_lot_seq, v_most
      from ledger_private.merged_lot(original, taken_from.wallet_id) m;
  end if;
  -- The reverse of the order in which credits are drawn: as if so much less had been taken in the first place.
  for v_part in
    select p.*
      from ledger_private.reversible_parts(original) p
      where p.amount > 0
      order by array_position(array['paid', 'bonus', 'lot'], p.source), p.expires_at desc, p.lot_seq desc
  loop
    v_take := least(v_plan.missing, v_part.amount);
    if taken_from.wallet_id is not null then
      -- What that wallet has of it and is not reserved. The original's lot there may be spent, reserved or expired by
      -- now; it may be for several lots of the giver.
      if v_part.expires_at is distinct from v_expires_at then
        v_expires_at := v_part.expires_at;
        v_taken := 0;
      end if;
      v_take := least(v_take, case v_part.source
        when 'paid' then taken_from.balance - taken_from.bonus_balance - (taken_from.held_balance - v_reserved_bonus)
        when 'bonus' then taken_from.bonus_balance - v_reserved_bonus - (
          select coalesce(sum(s.balance - s.held_balance), 0)::bigint
          from ledger_private.open_lots o
          join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
          cross join lateral ledger_private.lot_at(l, taken_from.seq) s
          where o.wallet_id = taken_from.wallet_id)
        -- No lot of it came to a wallet that was merged after the lot was empty.
        else coalesce((
          select least(s.balance - s.held_balance, v_most) - v_taken
          from ledger.bonus_lots l
          cross join lateral ledger_private.lot_at(l, taken_from.seq) s
          where l.wallet_id = taken_from.wallet_id and l.seq = v_lot_seq and l.expires_at = v_part.expires_at), 0)
      end);
    end if;
    continue when v_take <= 0;
    v_plan.missing := v_plan.missing - v_take;
    continue when v_part.source = 'paid';
    v_plan.bonus_amount := v_plan.bonus_amount + v_take;
    continue when v_part.source = 'bonus';
    if given_to.wallet_id is not null then
      v_draws[cardinality(v_draws) + 1] := row(
        given_to.wallet_id, v_part.lot_seq, v_part.expires_at, given_to.seq + 1, null, -v_take, 0,
        null, null)::ledger.bonus_lot_draws;
    end if;
    if taken_from.wallet_id is not null then
      v_taken := v_taken + v_take;
      v_draws[cardinality(v_draws) + 1] := row(
        taken_from.wallet_id, v_lot_seq, v_part.expires_at, taken_from.seq + 1, null, v_take, 0,
        null, null)::ledger.bonus_lot_draws;
    end if;
  end loop;
  v_plan.draws := v_draws;
  return v_plan;
end
$$;

comment on function ledger_private.reversal_plan is
$$How an amount of a movement is reversed: paid credits before bonus ones, these by lot, no more of each than is left of
it and, where a player gives back, than that wallet has free of it. given_to and taken_from are the players' heads.$$;
