create or replace function ledger_private.reverse(
  request ledger_private.request,
  original ledger.entries,
  amount bigint,
  prepared ledger_private.prepared
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  -- The acting wallet gives credits back; otherwise it gets them back.
  v_giving boolean := ledger.entries_side(original) = 'credit';
  v_side ledger.entry_side := case when ledger.entries_side(original) = 'credit' then 'debit' else 'credit' end;
  v_ids uuid[] := array[request.wallet_id, original.to_wallet];
  v_plan ledger_private.reversal_plan;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  v_plan := ledger_private.reversal_plan(original => original, amount => amount,
    given_to => case when not v_giving then prepared.head end,
    taken_from => case when v_giving then prepared.head else prepared.other_head end);
  -- The limits of the asset are for new movements; what the ledger counts to is for all.
  perform ledger_private.refuse(ledger_private.above_ceiling(wallet_id => request.wallet_id, head => prepared.head, kind => 'reversal',
    change => case when v_giving then -amount else amount end, amount => amount), v_ids);
  if v_plan.missing > 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(wallet_id => coalesce(original.to_wallet, request.wallet_id),
      available => amount - v_plan.missing, requested => amount, facts => jsonb_build_object('missing', v_plan.missing::text)), v_ids);
  end if;

  v_entry := ledger_private.acting(ledger_private.next_entry(head => prepared.head, wallet_id => request.wallet_id, transfer_id => uuidv7(),
    kind => 'reversal', side => v_side,
    account => case when v_giving then original.debit else original.credit end, amount => amount, bonus_amount => v_plan.bonus_amount,
    held_amount => 0, at_time => prepared.at_time), request);
  if original.to_wallet is not null then
    v_other_entry := ledger_private.chained(ledger_private.next_entry(head => prepared.other_head, wallet_id => original.to_wallet,
      transfer_id => v_entry.transfer_id, kind => 'reversal', side => 'debit', account => 'player', amount => amount,
      bonus_amount => v_plan.bonus_amount, held_amount => 0, at_time => prepared.at_time));
    v_entry.to_wallet := v_other_entry.wallet_id;
    v_entry.to_seq := v_other_entry.seq;
  end if;
  v_entry := ledger_private.chained(v_entry);
  perform ledger_private.write(case when v_other_entry.wallet_id is null then array[v_entry] else array[v_entry, v_other_entry] end);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_lots('{}', v_plan.draws);
    perform ledger_private.settle_given_back(v_entry, v_plan.draws);
  end if;
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.reverse is
$$Books the reversal of a movement, by its acting entry, which is judged to be reversible: refuses what the ledger cannot count to, and where the
credits are gone.$$;
