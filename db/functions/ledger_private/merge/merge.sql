create or replace function ledger_private.merge(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, request.counterparty_id];
  v_prepared ledger_private.prepared := ledger_private.prepare(request, request.counterparty_id);
  v_head ledger.entries := v_prepared.head;
  v_amount bigint := coalesce(v_head.balance, 0);
  v_bonus bigint := coalesce(v_head.bonus_balance, 0);
  v_id uuid := uuidv7();
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.not_mergeable(v_head), v_ids);
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.other, head => v_prepared.other_head,
    kind => 'merge', change => v_amount, amount => v_amount, at_time => v_prepared.at_time), v_ids);
  perform ledger_private.refuse(ledger_private.above_debt(request.counterparty_id,
    owed => (v_prepared.other_head).owed, more => v_head.owed), v_ids);

  v_other_entry := ledger_private.next_entry(head => v_prepared.other_head, wallet_id => request.counterparty_id,
    transfer_id => v_id, kind => 'merge', side => 'credit', account => 'player', amount => v_amount,
    bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time);
  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_head, wallet_id => request.wallet_id,
    transfer_id => v_id, kind => 'merge', side => 'debit', account => 'player', amount => v_amount,
    bonus_amount => v_bonus, held_amount => 0, at_time => v_prepared.at_time), request);
  -- What is owed moves too.
  v_other_entry.owed := nullif(coalesce(v_other_entry.owed, 0) + coalesce(v_entry.owed, 0), 0);
  v_entry.owed := null;
  v_entry.to_wallet := v_other_entry.wallet_id;
  v_entry.to_seq := v_other_entry.seq;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(array[v_entry, ledger_private.chained(v_other_entry)]);
  if v_bonus > 0 then
    perform ledger_private.move_lots(v_entry, v_other_entry);
  end if;

  perform set_config('ledger.posting', 'on', true);
  update ledger.wallets w set status = 'closed', merged_into = request.counterparty_id
    where w.id = request.wallet_id;
  perform ledger_private.record_events(array[request.wallet_id], 'closed', request.reason);
  perform set_config('ledger.posting', '', true);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.merge is
  'Books a merge: all that a wallet has and owes goes to another one, and it is closed and points there.';
