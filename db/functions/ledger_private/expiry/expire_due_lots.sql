create or replace function ledger_private.expire_due_lots(wallet_ids uuid[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_entry ledger.entries;
  v_lot ledger.bonus_lots;
  v_entries ledger.entries[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
begin
  for v_due in
    select d.lots, d.free, e as head
      from ledger_private.due_lots(wallet_ids, at_time) d
      cross join lateral ledger_private.head(d.wallet_id) e
      order by d.wallet_id
  loop
    v_entry := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => v_due.head, wallet_id => (v_due.head).wallet_id,
      transfer_id => uuidv7(), kind => 'expiry', side => 'debit', account => 'breakage', amount => v_due.free, bonus_amount => v_due.free,
      held_amount => 0, at_time => at_time), null));
    v_entries[cardinality(v_entries) + 1] := v_entry;
    foreach v_lot in array v_due.lots loop
      v_draws[cardinality(v_draws) + 1] :=
        row(v_lot.wallet_id, v_lot.seq, v_lot.expires_at, v_entry.seq, null, v_lot.amount, 0, null, null)::ledger.bonus_lot_draws;
    end loop;
  end loop;
  if cardinality(v_entries) > 0 then
    perform ledger_private.write(v_entries);
    perform ledger_private.write_lots('{}', v_draws);
  end if;
end
$$;

comment on function ledger_private.expire_due_lots is
  'Moves what is free in due lots to breakage, in wallets that are locked: one movement for each wallet.';
