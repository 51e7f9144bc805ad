create or replace function ledger_private.post(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_prepared ledger_private.prepared := ledger_private.judged(request);
  v_head ledger.entries := v_prepared.head;
  v_side ledger.entry_side := case when ledger_private.takes(request) then 'debit'
    when request.kind <> 'forgiveness' then 'credit' end;
  v_id uuid := uuidv7();
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  v_bonus := case
    when request.kind = 'opening' then coalesce(request.bonus_amount, 0)
    when request.kind = 'adjustment' and v_side = 'credit' or request.kind in ('collection', 'forgiveness') then 0
    else ledger_private.bonus_part(request.kind, request.amount,
      v_head.bonus_balance - ledger_private.reserved_bonus(v_head)) end;
  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => request.wallet_id,
    transfer_id => v_id, kind => request.kind, side => v_side, account => ledger_private.house_account(request.kind),
    amount => request.amount, bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time), request);
  if v_prepared.reference is not null then
    perform ledger_private.claim_reference(v_entry, (v_prepared.wallet).asset_code, v_prepared.reference);
    v_entry.held_bonus_amount := 0;
  end if;
  if request.counterparty_id is null then
    v_entry := ledger_private.chained(v_entry);
    if request.kind = 'top_up' and v_entry.owed > 0 then
      perform ledger_private.write(
        v_entry || array(select c from ledger_private.collected(v_entry, (v_prepared.wallet).asset_code) c));
    else
      perform ledger_private.write(array[v_entry]);
    end if;
  else
    v_other_entry := ledger_private.chained(ledger_private.next_entry(head => v_prepared.other_head,
      wallet_id => request.counterparty_id, transfer_id => v_id, kind => request.kind, side => 'credit',
      account => 'player', amount => request.amount, bonus_amount => v_bonus, held_amount => 0,
      at_time => v_prepared.at_time));
    v_entry.to_wallet := v_other_entry.wallet_id;
    v_entry.to_seq := v_other_entry.seq;
    v_entry := ledger_private.chained(v_entry);
    perform ledger_private.write(array[v_entry, v_other_entry]);
  end if;
  if v_bonus > 0 then
    perform ledger_private.move_lots(v_entry, v_other_entry);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.post is
$$Books a movement of one wallet (top-up, bonus, spend, opening, adjustment, collection, forgiveness) or a transfer:
judges it by all rules, in the documented order, then writes the rows. A top-up may pay what the wallet owes.$$;
