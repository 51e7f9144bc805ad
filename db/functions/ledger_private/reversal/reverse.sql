create or replace function ledger_private.reverse(request ledger.wallet_request)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_original ledger.entries;
  v_prepared ledger_private.prepared;
  v_ids uuid[];
  v_amount bigint;
  v_giving boolean; -- The acting wallet gives credits back; otherwise it gets them back.
  v_side ledger.entry_side;
  v_plan ledger_private.reversal_plan;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  select o.* into v_original from ledger_private.original(request.wallet_id, request.transfer_id) o;
  v_prepared := ledger_private.prepare(request, nullif(v_original.to_wallet, request.wallet_id));
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared.receipt;
  end if;
  -- It was committed while this call waited for the wallet: its other wallet was not locked.
  if v_original.wallet_id is null then
    perform ledger_private.refuse_stale();
  end if;
  if v_original.kind = 'exchange' and v_original.wallet_id = request.wallet_id then
    return ledger_private.reverse_exchange(request, v_original, v_prepared);
  end if;
  select v_original.amount - coalesce(sum(r.amount), 0) into v_amount
    from ledger.entries r where r.reverses = request.transfer_id;
  perform ledger_private.refuse(ledger_private.not_reversible(v_original, request.amount, v_amount, request.owe,
    request.wallet_id), array[request.wallet_id]);
  v_amount := coalesce(request.amount, v_amount);
  v_ids := array[request.wallet_id, v_original.to_wallet];
  v_giving := ledger.entries_side(v_original) = 'credit';
  v_side := case when v_giving then 'debit' else 'credit' end;
  v_plan := ledger_private.reversal_plan(original => v_original, amount => v_amount,
    given_to => case when not v_giving then v_prepared.head end,
    taken_from => case when v_giving then v_prepared.head else v_prepared.other_head end);
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_prepared.head,
    kind => 'reversal', change => case when v_giving then -v_amount else v_amount end, amount => v_amount,
    at_time => v_prepared.at_time), v_ids);
  if v_plan.missing > 0 and request.owe then
    return ledger_private.reverse_owing(request, v_original, v_prepared.head, v_amount, v_plan.missing,
      v_prepared.at_time);
  elsif v_plan.missing > 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(
      wallet_id => coalesce(v_original.to_wallet, request.wallet_id), available => v_amount - v_plan.missing,
      requested => v_amount, facts => jsonb_build_object('missing', v_plan.missing::text)), v_ids);
  end if;

  v_entry := ledger_private.acting(ledger_private.next_entry(head => v_prepared.head, wallet_id => request.wallet_id,
    transfer_id => uuidv7(), kind => 'reversal', side => v_side,
    account => case when v_giving then v_original.debit else v_original.credit end, amount => v_amount,
    bonus_amount => v_plan.bonus_amount, held_amount => 0, at_time => v_prepared.at_time), request);
  if v_original.to_wallet is not null then
    v_other_entry := ledger_private.chained(ledger_private.next_entry(head => v_prepared.other_head,
      wallet_id => v_original.to_wallet, transfer_id => v_entry.transfer_id, kind => 'reversal', side => 'debit',
      account => 'player', amount => v_amount, bonus_amount => v_plan.bonus_amount, held_amount => 0,
      at_time => v_prepared.at_time));
    v_entry.to_wallet := v_other_entry.wallet_id;
    v_entry.to_seq := v_other_entry.seq;
  end if;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(case when v_other_entry.wallet_id is null then array[v_entry]
    else array[v_entry, v_other_entry] end);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_reversed_lots(v_entry, v_original, v_plan.draws);
    -- What is given back to lots that have expired goes to breakage.
    perform ledger_private.settle(array[request.wallet_id], v_entry.created_at);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.reverse is
$$Books a reversal: takes a movement back, whole or in part, between the accounts of the original, for its wallet or the
one that this was merged into.$$;
