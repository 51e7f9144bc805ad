create or replace function ledger_private.expire_due_lots(wallet_ids uuid[], at_time timestamptz, house_stripe int)
returns void
language plpgsql
volatile
as $$
declare
  v_due record;
  v_house ledger.wallets;
  v_house_head ledger.entries;
  v_transfer ledger.transfers;
  v_sealed ledger_private.sealed;
  v_lot ledger.bonus_lots;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
  v_draws ledger.bonus_lot_draws[] := '{}';
begin
  for v_due in
    select d.*, w as wallet, e as head, b.id as house_id
      from ledger_private.due_lots(wallet_ids, at_time) d
      join ledger.wallets w on w.id = d.wallet_id
      cross join lateral ledger_private.head(d.wallet_id) e
      join ledger.wallets b on b.asset_code = d.asset_code and b.house = 'breakage'
        and b.stripe = coalesce(house_stripe, ledger.wallet_stripe(d.wallet_id))
      order by b.id, d.wallet_id
  loop
    if v_house.id is distinct from v_due.house_id then
      select w.* into v_house from ledger.wallets w where w.id = v_due.house_id for no key update;
      select e.* into v_house_head from ledger.entries e where e.wallet_id = v_due.house_id order by e.seq desc limit 1;
    end if;
    v_transfer := row(uuidv7(), v_due.wallet_id, null, 'expiry', null, null, null, null, null, v_due.free, v_due.free, null, null, null, '{}',
      ledger_private.actor(), null, null);
    v_sealed := ledger_private.seal(v_transfer,
      ledger_private.next_entry(v_due.wallet, v_due.head, 'debit', v_transfer.id, 'expiry', v_due.free, v_due.free, 0, at_time),
      ledger_private.next_entry(v_house, v_house_head, 'credit', v_transfer.id, 'expiry', v_due.free, v_due.free, 0, at_time));
    v_house_head := v_sealed.other_entry;
    v_transfers[cardinality(v_transfers) + 1] := v_sealed.transfer;
    v_entries[cardinality(v_entries) + 1] := v_sealed.entry;
    v_entries[cardinality(v_entries) + 1] := v_house_head;
    foreach v_lot in array v_due.lots loop
      v_draws[cardinality(v_draws) + 1] :=
        row(v_lot.wallet_id, v_lot.seq, v_lot.expires_at, (v_sealed.entry).seq, null, v_lot.amount, 0, null, null)::ledger.bonus_lot_draws;
    end loop;
  end loop;
  if cardinality(v_transfers) > 0 then
    perform ledger_private.write_all(v_transfers, v_entries);
    perform ledger_private.write_lots('{}', v_draws);
  end if;
end
$$;

comment on function ledger_private.expire_due_lots(uuid[], timestamptz, int) is
$$Moves what is free in due lots to breakage, in wallets that are locked: one movement for each wallet, against its own part of breakage or the stripe
that is named, which is locked here, in the order of ids.$$;

revoke all on function ledger_private.expire_due_lots(uuid[], timestamptz, int) from public;
