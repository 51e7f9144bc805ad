create or replace function ledger_private.verify_order(first_id uuid, last_id uuid)
returns setof ledger.finding
language plpgsql
stable
as $$
declare
  v_wallet uuid;
  -- Its lots by rank, the earliest expiry first: when each expires, and what is free in it.
  v_expiries timestamptz[];
  v_free bigint[];
  v_first int; -- the first lot with free credits
  v_short boolean;
  v_step record;
begin
  for v_step in select s.* from ledger_private.lot_steps(first_id, last_id) s loop
    if v_wallet is distinct from v_step.wallet_id then
      v_wallet := v_step.wallet_id;
      v_expiries := '{}';
      v_free := '{}';
      v_first := 1;
      v_short := false;
    end if;
    for i in 1 .. coalesce(cardinality(v_step.ranks), 0) loop
      v_expiries[v_step.ranks[i]] := v_step.expiries[i];
      v_free[v_step.ranks[i]] := v_step.free[i];
      v_first := least(v_first, v_step.ranks[i]);
    end loop;
    while v_first <= cardinality(v_free) and coalesce(v_free[v_first], 0) = 0 loop
      v_first := v_first + 1;
    end loop;
    if v_step.in_lots > v_step.free_bonus and not v_short then
      return next row('lot_balance', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('in_lots', v_step.in_lots, 'free_bonus', v_step.free_bonus))::ledger.finding;
    end if;
    v_short := v_step.in_lots > v_step.free_bonus;
    continue when v_first > cardinality(v_free);
    if v_first < v_step.emptied then
      return next row('lot_order', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('expires_at', v_expiries[v_first], 'free', v_free[v_first]))::ledger.finding;
    end if;
    if v_expiries[v_first] <= v_step.due_by then
      return next row('lot_expiry', v_wallet, v_step.seq, v_step.transfer_id,
        jsonb_build_object('expires_at', v_expiries[v_first], 'free', v_free[v_first]))::ledger.finding;
      v_free[v_first] := 0; -- Said once.
    end if;
  end loop;
end
$$;

comment on function ledger_private.verify_order is
$$Findings in how lots were emptied, entry by entry: the earliest expiry first, all before bonus credits that do not
expire, what was due by an entry of its own, and no more in them than the bonus credits that no hold reserves.$$;

grant execute on function ledger_private.verify_order to wallet_auditor;
