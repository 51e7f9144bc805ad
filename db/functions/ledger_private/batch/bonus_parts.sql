create or replace function ledger_private.bonus_parts(
  kinds ledger.transfer_kind[],
  amounts bigint[],
  from_numbers bigint[],
  to_numbers bigint[],
  bonus_balances bigint[]
)
returns bigint[]
language plpgsql
immutable
as $$
declare
  v_bonus bigint[] := bonus_balances;
  v_parts bigint[] := array_fill(0::bigint, array[coalesce(cardinality(kinds), 0)]);
  v_part bigint;
begin
  if not 0 < any (v_bonus) and not 'bonus' = any (kinds) then
    return v_parts;
  end if;
  for i in 1 .. cardinality(v_parts) loop
    v_part := ledger_private.bonus_part(kinds[i], amounts[i], v_bonus[from_numbers[i]]);
    if v_part > 0 then
      v_parts[i] := v_part;
      v_bonus[from_numbers[i]] := v_bonus[from_numbers[i]]
        + case when ledger_private.leaves(kinds[i]) then -v_part else v_part end;
      if to_numbers[i] is not null then
        v_bonus[to_numbers[i]] := v_bonus[to_numbers[i]] + v_part;
      end if;
    end if;
  end loop;
  return v_parts;
end
$$;

comment on function ledger_private.bonus_parts is
$$How much of each of many requests is bonus credits, where they are booked in their order. The wallets that they leave
and reach are numbers, by which bonus_balances says what bonus credits each has before.$$;
