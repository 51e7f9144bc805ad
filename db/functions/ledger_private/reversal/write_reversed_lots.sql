create or replace function ledger_private.write_reversed_lots(
  entry ledger.entries,
  original ledger.entries,
  draws ledger.bonus_lot_draws[]
)
returns void
language plpgsql
volatile
as $$
declare
  v_lots ledger.bonus_lots[] := '{}';
begin
  if entry.wallet_id <> original.wallet_id then
    -- The lots that it came from are those of a wallet that was merged into this one. Of one expiry, it is one new lot.
    v_lots := array(
      select row(entry.wallet_id, entry.seq, d.expires_at, -sum(d.amount))::ledger.bonus_lots
      from unnest(draws) d
      where d.wallet_id = entry.wallet_id and d.amount < 0
      group by d.expires_at order by d.expires_at);
    draws := array(select d from unnest(draws) d where d.wallet_id <> entry.wallet_id or d.amount > 0);
  end if;
  perform ledger_private.write_lots(v_lots, draws);
end
$$;

comment on function ledger_private.write_reversed_lots is
$$Writes what a reversal, whose entry is written, takes out of lots and gives back to them: to those of the original, or
as new lots where that was of a wallet that has been merged.$$;
