create or replace function ledger_private.judged(request ledger.wallet_request)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array[request.wallet_id, request.counterparty_id];
  v_change bigint;
  v_prepared ledger_private.prepared := ledger_private.prepare(request, request.counterparty_id);
  v_head ledger.entries := v_prepared.head;
begin
  if (v_prepared.receipt).transfer_id is not null then
    return v_prepared;
  end if;
  v_change := case when ledger_private.takes(request) then -request.amount else request.amount end;
  perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.wallet, head => v_head,
    kind => request.kind, change => v_change, amount => request.amount, at_time => v_prepared.at_time), v_ids);
  if request.counterparty_id is not null then
    perform ledger_private.refuse(ledger_private.above_limit(wallet => v_prepared.other, head => v_prepared.other_head,
      kind => request.kind, change => request.amount, amount => request.amount, at_time => v_prepared.at_time), v_ids);
  end if;
  if v_change < 0 then
    perform ledger_private.refuse(ledger_private.insufficient_funds(
      request.wallet_id, coalesce(case request.kind when 'collection' then
          v_head.paid_balance - v_head.held_balance + ledger_private.reserved_bonus(v_head)
        else v_head.free_balance end, 0), request.amount), v_ids);
  end if;
  return v_prepared;
end
$$;

comment on function ledger_private.judged is
  $$A movement of one wallet, or a transfer, prepared and judged by all rules. With a receipt in it, it is a
repetition.$$;
