create or replace function ledger_private.reverse_exchange(
  request ledger.wallet_request,
  original ledger.entries,
  prepared ledger_private.prepared
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, original.to_wallet];
  v_acts_from boolean := original.debit = 'player'; -- The acting wallet is the one that credits had left.
  v_left bigint;
  v_other ledger.entries; -- the other side of the exchange
  v_other_request ledger.wallet_request;
  v_from ledger.entries;
  v_from_head ledger.entries;
  v_to ledger.entries;
  v_to_head ledger.entries;
  v_plan ledger_private.reversal_plan;
begin
  select original.amount - coalesce(sum(r.amount), 0) into v_left
    from ledger.entries r where r.wallet_id = request.wallet_id and r.reverses = request.transfer_id;
  perform ledger_private.refuse(ledger_private.not_reversible(original, request.amount, v_left, request.owe),
    v_ids);
  select o.* into strict v_other from ledger.entries o
    where o.wallet_id = original.to_wallet and o.seq = original.to_seq;
  v_other_request := ledger.request(kind => 'reversal', wallet_id => v_other.wallet_id,
    transfer_id => v_other.transfer_id);
  v_from := case when v_acts_from then original else v_other end;
  v_from_head := case when v_acts_from then prepared.head else prepared.other_head end;
  v_to := case when v_acts_from then v_other else original end;
  v_to_head := case when v_acts_from then prepared.other_head else prepared.head end;
  perform ledger_private.refuse(ledger_private.above_limit(
    wallet => case when v_acts_from then prepared.wallet else prepared.other end, head => v_from_head,
    kind => 'reversal', change => v_from.amount, amount => v_from.amount, at_time => prepared.at_time), v_ids);
  v_plan := ledger_private.reversal_plan(original => v_to, amount => v_to.amount, given_to => null,
    taken_from => v_to_head);
  if v_plan.missing > 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(wallet_id => v_to.wallet_id,
      available => v_to.amount - v_plan.missing, requested => v_to.amount,
      facts => jsonb_build_object('missing', v_plan.missing::text)), v_ids);
  end if;
  v_plan := ledger_private.reversal_plan(original => v_from, amount => v_from.amount, given_to => v_from_head,
    taken_from => null);

  v_from := ledger_private.acting(ledger_private.next_entry(head => v_from_head, wallet_id => v_from.wallet_id,
    transfer_id => uuidv7(), kind => 'reversal', side => 'credit', account => 'exchange', amount => v_from.amount,
    bonus_amount => v_from.bonus_amount, held_amount => 0, at_time => prepared.at_time),
    case when v_acts_from then request else v_other_request end);
  v_to := ledger_private.acting(ledger_private.next_entry(head => v_to_head, wallet_id => v_to.wallet_id,
    transfer_id => uuidv7(), kind => 'reversal', side => 'debit', account => 'exchange', amount => v_to.amount,
    bonus_amount => v_to.bonus_amount, held_amount => 0, at_time => prepared.at_time),
    case when v_acts_from then v_other_request else request end);
  v_from := ledger_private.linked(v_from, v_to);
  v_to := ledger_private.linked(v_to, v_from);
  perform ledger_private.write(array[v_from, v_to]);
  if cardinality(v_plan.draws) > 0 then
    perform ledger_private.write_lots('{}', v_plan.draws);
    -- What is given back to lots that have expired goes to breakage.
    perform ledger_private.settle(array[v_from.wallet_id], v_from.created_at);
  end if;
  return ledger_private.receipt(case when v_acts_from then v_from else v_to end, false);
end
$$;

comment on function ledger_private.reverse_exchange is
$$Takes both movements of an exchange back, as a whole: what had arrived has to be there still, and what had left is
given back, to the lots that it came from. original is the movement of the wallet that acts.$$;
