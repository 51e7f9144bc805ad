create or replace function ledger_private.batch_receipts(
  requests ledger.wallet_request[],
  booked ledger.receipt[],
  bonus_amounts bigint[],
  first_places int[]
)
returns ledger.receipt[]
language plpgsql
stable
as $$
declare
  v_receipts ledger.receipt[] := '{}';
  v_booked int := 0;
begin
  for v_place in 1 .. cardinality(first_places) loop
    if bonus_amounts[v_place] is not null then
      v_booked := v_booked + 1;
      v_receipts[v_place] := booked[v_booked];
    elsif first_places[v_place] < v_place then
      v_receipts[v_place] := v_receipts[first_places[v_place]];
      v_receipts[v_place].replayed := true;
    else
      v_receipts[v_place] := ledger_private.replay(ledger_private.batch_request(requests[v_place]));
    end if;
  end loop;
  return v_receipts;
end
$$;

comment on function ledger_private.batch_receipts(ledger.wallet_request[], ledger.receipt[], bigint[], int[]) is
$$A receipt for each request of a batch that repeats some, in their order: from those of what it booked, and those of then for what had been booked
before.$$;

revoke all on function ledger_private.batch_receipts(ledger.wallet_request[], ledger.receipt[], bigint[], int[]) from public;
