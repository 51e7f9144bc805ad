create or replace function ledger_private.reverse_owing(
  request ledger.wallet_request,
  original ledger.entries,
  head ledger.entries,
  amount bigint,
  missing bigint,
  at_time timestamptz
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_debt ledger.entries;
  v_entry ledger.entries;
begin
  perform ledger_private.refuse(ledger_private.above_debt(request.wallet_id, head.owed, missing),
    array[request.wallet_id]);
  -- The debt first, so that the line with the request shows what is owed after both.
  v_debt := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => head,
    wallet_id => request.wallet_id, transfer_id => uuidv7(), kind => 'debt', side => null, account => original.debit,
    amount => missing, bonus_amount => 0, held_amount => 0, at_time => at_time),
    ledger.request(kind => 'debt', wallet_id => request.wallet_id, transfer_id => request.transfer_id)));
  v_entry := ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => v_debt,
    wallet_id => request.wallet_id, transfer_id => uuidv7(), kind => 'reversal', side => 'debit',
    account => original.debit, amount => amount - missing, bonus_amount => 0, held_amount => 0, at_time => at_time),
    request));
  perform ledger_private.write(array[v_debt, v_entry]);
  return ledger_private.receipt(v_entry, false);
end
$$;

comment on function ledger_private.reverse_owing is
$$Books the reversal of a top-up of which credits are gone: what is missing of the amount becomes a debt of the wallet,
the rest is taken, which may be nothing.$$;
