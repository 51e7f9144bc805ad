create or replace function ledger_private.move_lots(entry ledger.entries, other_entry ledger.entries default null)
returns void
language plpgsql
volatile
as $$
declare
  v_draws ledger.bonus_lot_draws[];
  v_lots ledger.bonus_lots[] := '{}';
begin
  if entry.kind in ('bonus', 'opening') then
    -- What is granted without an expiry is in no lot.
    if entry.expires_at is not null then
      perform ledger_private.write_lots(
        array[row(entry.wallet_id, entry.seq, entry.expires_at, entry.bonus_amount)::ledger.bonus_lots], '{}');
    end if;
    return;
  end if;
  v_draws := ledger_private.draws(entry);
  if cardinality(v_draws) = 0 then
    return;
  end if;
  if other_entry.wallet_id is not null then
    -- What arrives is a lot there, with its own expiry; parts of one expiry are one lot.
    v_lots := array(
      select row(other_entry.wallet_id, other_entry.seq, d.expires_at, sum(d.amount))::ledger.bonus_lots
      from unnest(v_draws) d group by d.expires_at order by d.expires_at);
  end if;
  perform ledger_private.write_lots(v_lots, v_draws);
  -- What arrived may be due already where that wallet's clock runs ahead.
  if other_entry.created_at > entry.created_at then
    perform ledger_private.settle(array[other_entry.wallet_id], entry.created_at);
  end if;
end
$$;

comment on function ledger_private.move_lots is
$$Does with lots what a movement asks for that is written: draws bonus credits from them, and makes lots of those that
arrive and expire. other_entry is the receiver's, of a transfer.$$;
