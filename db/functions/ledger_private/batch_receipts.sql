create or replace function ledger_private.batch_receipts(booked ledger.receipt[], plan ledger_private.batch_plan, first_places int[])
returns ledger.receipt[]
language plpgsql
immutable
as $$
declare
  -- Arrays of their own are read in place.
  v_bonus_amounts bigint[] := plan.bonus_amounts;
  v_earlier ledger.receipt[] := plan.receipts;
  v_receipts ledger.receipt[] := '{}';
  v_booked int := 0;
begin
  for v_place in 1 .. cardinality(first_places) loop
    if v_bonus_amounts[v_place] is not null then
      v_booked := v_booked + 1;
      v_receipts[v_place] := booked[v_booked];
    elsif first_places[v_place] < v_place then
      v_receipts[v_place] := v_receipts[first_places[v_place]];
      v_receipts[v_place].replayed := true;
    else
      v_receipts[v_place] := v_earlier[v_place];
    end if;
  end loop;
  return v_receipts;
end
$$;

comment on function ledger_private.batch_receipts(ledger.receipt[], ledger_private.batch_plan, int[]) is
$$A receipt for each request of a batch that repeats some, in their order: from those of what it booked, and those of then for what had been booked
before.$$;

revoke all on function ledger_private.batch_receipts(ledger.receipt[], ledger_private.batch_plan, int[]) from public;
