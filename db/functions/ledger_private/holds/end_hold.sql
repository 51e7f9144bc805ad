create or replace function ledger_private.end_hold(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id];
  v_side ledger.entry_side := case request.kind when 'capture' then 'debit' else 'credit' end;
  v_prepared ledger_private.prepared := ledger_private.prepare(request);
  v_hold ledger.holds;
  v_amount bigint := 0;
  v_bonus bigint := 0;
  v_entry ledger.entries;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  perform ledger_private.refuse(ledger_private.hold_not_open(request.wallet_id, request.hold_id), v_ids);
  select h.* into strict v_hold from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id;
  if request.kind = 'capture' then
    v_amount := coalesce(request.amount, v_hold.amount);
    v_bonus := least(v_amount, v_hold.bonus_amount);
    perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_prepared.head,
      kind => 'capture', change => -v_amount, amount => v_amount, at_time => v_prepared.at_time), v_ids);
    perform ledger_private.refuse(ledger_private.insufficient_funds(wallet_id => request.wallet_id,
      available => v_hold.amount, requested => v_amount, facts => jsonb_build_object('hold_id', request.hold_id)),
      v_ids);
  end if;

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.head, wallet_id => request.wallet_id,
    transfer_id => uuidv7(), kind => request.kind, side => v_side,
    account => ledger_private.house_account(request.kind), amount => v_amount, bonus_amount => v_bonus,
    held_amount => -v_hold.amount, at_time => v_prepared.at_time), request);
  if request.kind = 'release' then
    v_entry.held_bonus_amount := v_hold.bonus_amount;
  end if;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(array[v_entry]);
  perform ledger_private.close_holds(array[v_entry], array(
    select d from ledger_private.closing_draws(request.wallet_id, request.hold_id, v_entry.seq, v_bonus) d));
  -- What expired while it was reserved, and is freed now, goes to breakage.
  perform ledger_private.settle(v_ids, v_entry.created_at);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.end_hold is
  'Books a capture or a release: the two ends of a hold that a caller asks for.';
