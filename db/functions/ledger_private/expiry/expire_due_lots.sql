create or replace function ledger_private.expire_due_lots(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_entries ledger.entries[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
begin
  for v_due in
    select e as head, d.draws, d.free
      from unnest(wallet_ids) u (wallet_id)
      cross join lateral ledger_private.head(u.wallet_id) e
      cross join lateral (
        select sum(s.balance - s.held_balance)::bigint as free,
            array_agg(row(o.wallet_id, o.lot_seq, o.expires_at, e.seq + 1, null, s.balance - s.held_balance, 0,
              null, null)::ledger.bonus_lot_draws) as draws
          from ledger_private.open_lots o
          -- One look-up for each: joined, all lots that the wallet ever had are read.
          cross join lateral (
            select n as lot from ledger.bonus_lots n where n.wallet_id = o.wallet_id and n.seq = o.lot_seq
              and n.expires_at = o.expires_at limit 1
          ) l
          cross join lateral ledger_private.lot_at(l.lot, 9223372036854775807) s
          -- Compared like this, its date is not what it is looked up by (see settle).
          where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, e.created_at)
            and o.due_at is not distinct from o.expires_at
      ) d
      where d.draws is not null
      order by u.wallet_id
  loop
    v_entries[cardinality(v_entries) + 1] := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(
      head => v_due.head, wallet_id => (v_due.head).wallet_id, transfer_id => uuidv7(), kind => 'expiry',
      side => 'debit', account => 'breakage', amount => v_due.free, bonus_amount => v_due.free, held_amount => 0,
      at_time => at_time), null));
    v_draws := v_draws || v_due.draws;
  end loop;
  if cardinality(v_entries) > 0 then
    perform ledger_private.write(v_entries);
    perform ledger_private.write_lots('{}', v_draws);
  end if;
end
$$;

comment on function ledger_private.expire_due_lots is
  'Moves what is free in due lots to breakage, in wallets that are locked: one movement for each wallet.';
