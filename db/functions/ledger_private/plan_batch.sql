create or replace function ledger_private.plan_batch(requests ledger.transfers[], batch ledger_private.batch)
returns ledger_private.batch_plan
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_plan ledger_private.batch_plan := ledger_private.start_plan(batch);
  -- By row: the heads, by number of their wallet, then two for each movement. (Arrays of their own are changed in place.)
  v_other int := cardinality(batch.wallets);
  v_row int;
  v_befores int[] := v_plan.befores;
  v_seqs bigint[] := v_plan.seqs;
  v_balances bigint[] := v_plan.balances;
  v_bonus_balances bigint[] := v_plan.bonus_balances;
  v_topped_up bigint[] := v_plan.topped_up_totals;
  v_granted bigint[] := v_plan.granted_totals;
  v_spent bigint[] := v_plan.spent_totals;
  -- By number of the wallet: the row of its newest entry; and what does not change in a batch.
  v_newest int[] := v_plan.befores;
  v_held bigint[] := v_plan.held_balances;
  v_held_bonus bigint[] := v_plan.held_bonus;
  v_times timestamptz[] := v_plan.times;
  v_wallets ledger.wallets[] := batch.wallets;
  v_limits ledger.asset_limits[] := batch.limits;
  v_day_before ledger.entries[] := batch.day_before;
  -- By place of the request.
  v_used boolean[] := (batch.numbers).used;
  v_first_places int[] := (batch.numbers).first_places;
  v_bonus_amounts bigint[] := array_fill(null::bigint, array[cardinality(requests)]);
  v_well_formed boolean := ledger_private.well_formed(requests);
  v_item record;
  v_request ledger.transfers;
  v_first ledger.transfers;
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_detail text;
  v_hint text;
begin
  for v_item in
    select r.place::int, r.id, r.kind, r.amount, r.number, r.other_number,
        r.odd or not v_well_formed or coalesce(r.expires_at <= v_times[r.number], false) as odd,
        case when r.kind in ('spend', 'transfer') then -1 else 1 end as sign,
        case r.kind when 'top_up' then r.amount else 0 end as topped_up,
        case r.kind when 'bonus' then r.amount else 0 end as granted,
        case r.kind when 'spend' then r.amount else 0 end as spent
      from unnest(requests, (batch.numbers).numbers, (batch.numbers).other_numbers, (batch.numbers).odd)
        with ordinality r (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq, requested_amount, amount,
          bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, number, other_number, odd, place)
  loop
    if v_item.odd then
      v_request := requests[v_item.place];
      v_first := case
        when v_used[v_item.place] then
          (select t from ledger.transfers t where t.wallet_id = v_request.wallet_id and t.idem_key = v_request.idem_key)
        when v_first_places[v_item.place] < v_item.place then requests[v_first_places[v_item.place]] end;
      continue when not ledger_private.check_batch_item(v_request, v_wallets[v_item.number],
        case when v_item.kind = 'transfer' then v_wallets[v_item.other_number] end, v_first, v_times[v_item.number]);
    end if;

    v_row := v_other + 1;
    v_other := v_other + 2;
    v_befores[v_row] := v_newest[v_item.number];
    v_befores[v_other] := v_newest[v_item.other_number];
    v_newest[v_item.number] := v_row;
    v_newest[v_item.other_number] := v_other;
    v_bonus := ledger_private.bonus_part(v_item.kind, v_item.amount, v_bonus_balances[v_befores[v_row]] - v_held_bonus[v_item.number]);
    v_bonus_amounts[v_item.place] := v_bonus;
    v_seqs[v_row] := v_seqs[v_befores[v_row]] + 1;
    v_seqs[v_other] := v_seqs[v_befores[v_other]] + 1;
    v_balances[v_row] := v_balances[v_befores[v_row]] + v_item.sign * v_item.amount;
    v_balances[v_other] := v_balances[v_befores[v_other]] + v_item.amount;
    v_bonus_balances[v_row] := v_bonus_balances[v_befores[v_row]] + v_item.sign * v_bonus;
    v_bonus_balances[v_other] := v_bonus_balances[v_befores[v_other]] + v_bonus;
    v_topped_up[v_row] := v_topped_up[v_befores[v_row]] + v_item.topped_up;
    v_topped_up[v_other] := v_topped_up[v_befores[v_other]] + v_item.topped_up;
    v_granted[v_row] := v_granted[v_befores[v_row]] + v_item.granted;
    v_granted[v_other] := v_granted[v_befores[v_other]] + v_item.granted;
    v_spent[v_row] := v_spent[v_befores[v_row]] + v_item.spent;
    v_spent[v_other] := v_spent[v_befores[v_other]] + v_item.spent;
    if v_plan.judged or v_balances[v_row] < v_held[v_item.number] then
      v_entry := row(v_wallets[v_item.number].id, v_seqs[v_row], v_item.id, v_item.kind, case v_item.sign when 1 then 'credit' else 'debit' end,
        v_item.amount, v_bonus, 0, v_balances[v_row], v_bonus_balances[v_row], v_held[v_item.number], v_topped_up[v_row], v_granted[v_row],
        v_spent[v_row], null, v_times[v_item.number]);
      v_other_entry := row(v_wallets[v_item.other_number].id, v_seqs[v_other], v_item.id, v_item.kind,
        case v_item.sign when 1 then 'debit' else 'credit' end, v_item.amount, v_bonus, 0, v_balances[v_other], v_bonus_balances[v_other],
        v_held[v_item.other_number], v_topped_up[v_other], v_granted[v_other], v_spent[v_other], null, v_times[v_item.other_number]);
      perform ledger_private.judge(v_entry, case when v_item.kind = 'transfer' then v_other_entry end,
        v_limits[v_item.number], v_day_before[v_item.number]);
      if v_other_entry.balance > 9000000000000000000 then
        perform ledger_private.refuse_overflow(v_other_entry);
      end if;
    end if;
  end loop;
  return row(v_bonus_amounts, v_plan.judged, v_held, v_held_bonus, v_times, v_befores, v_seqs, v_balances, v_bonus_balances,
    v_topped_up, v_granted, v_spent);
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  if sqlstate like 'WL%' then
    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_item.place - 1), v_hint);
  end if;
  raise;
end
$$;

comment on function ledger_private.plan_batch(ledger.transfers[], ledger_private.batch) is
$$What a batch will book: judges its requests one after the other in memory, by the rules of single calls and in their order, each upon the balances
that those before it leave. Refuses as a single call would, with the index of the item in the detail. The wallets are locked.$$;

revoke all on function ledger_private.plan_batch(ledger.transfers[], ledger_private.batch) from public;
