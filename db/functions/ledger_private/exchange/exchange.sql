create or replace function ledger_private.exchange(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, request.counterparty_id];
  v_prepared ledger_private.prepared := ledger_private.prepare(request, request.counterparty_id);
  v_head ledger.entries := v_prepared.head;
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.other, head => v_prepared.other_head,
    kind => 'exchange', change => request.to_amount, amount => request.to_amount, at_time => v_prepared.at_time),
    v_ids);
  perform ledger_private.refuse(ledger_private.insufficient_funds(
    request.wallet_id, coalesce(v_head.balance - v_head.held_balance, 0), request.amount), v_ids);

  v_bonus := ledger_private.bonus_part('exchange', request.amount,
    v_head.bonus_balance - ledger_private.reserved_bonus(v_head));
  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => request.wallet_id,
    transfer_id => uuidv7(), kind => 'exchange', side => 'debit', account => 'exchange', amount => request.amount,
    bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time), request);
  v_other_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.other_head,
    wallet_id => request.counterparty_id, transfer_id => uuidv7(), kind => 'exchange', side => 'credit',
    account => 'exchange', amount => request.to_amount,
    bonus_amount => ledger_private.exchanged_bonus(v_bonus, request.amount, request.to_amount), held_amount => 0,
    at_time => v_prepared.at_time),
    ledger.request(kind => 'exchange', wallet_id => request.counterparty_id, amount => request.to_amount));
  v_other_entry := ledger_private.linked(v_other_entry, v_entry);
  v_entry := ledger_private.linked(v_entry, v_other_entry);
  perform ledger_private.write(array[v_entry, v_other_entry]);
  if v_bonus > 0 then
    perform ledger_private.move_lots(v_entry);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.exchange is
$$Books an exchange: a movement in each asset, between the owner's wallet and the house's account exchange. Each names
the other; the one that credits leave carries the request.$$;
