create or replace function ledger_private.draws(entry ledger.entries)
returns ledger.bonus_lot_draws[]
language plpgsql
stable
-- A plan that was made while the tables were small may not outlive that; nor one that sorts all lots of a wallet.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  v_need bigint := coalesce(entry.held_bonus_amount, entry.bonus_amount);
  v_draws ledger.bonus_lot_draws[] := '{}';
  v_lot record;
  v_part bigint;
  c_lots cursor for
    select o.lot_seq, o.expires_at, s.balance - s.held_balance as free
      from ledger_private.open_lots o
      cross join lateral (
        select n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq
          and n.expires_at = o.expires_at limit 1
      ) l
      cross join lateral ledger_private.lot_at(l.lot, 9223372036854775807) s
      -- Compared like this, what is due is not what a lot is looked up by (see settle).
      where o.wallet_id = entry.wallet_id and o.due_at is not distinct from o.expires_at
      order by o.expires_at, o.lot_seq;
begin
  -- Not in a FOR loop, which would read ten lots ahead.
  open c_lots;
  while v_need > 0 loop
    fetch c_lots into v_lot;
    -- What no lot has does not expire.
    exit when not found;
    v_part := least(v_need, v_lot.free);
    v_need := v_need - v_part;
    v_draws[cardinality(v_draws) + 1] := row(entry.wallet_id, v_lot.lot_seq, v_lot.expires_at, entry.seq, entry.hold_id,
      case when entry.kind = 'hold' then 0 else v_part end, case when entry.kind = 'hold' then v_part else 0 end,
      null, null)::ledger.bonus_lot_draws;
  end loop;
  close c_lots;
  return v_draws;
end
$$;

comment on function ledger_private.draws is
  'What an entry takes or reserves of lots, the earliest expiry first, without what is reserved. Balances are null.';
