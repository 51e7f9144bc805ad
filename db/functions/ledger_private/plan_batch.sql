create or replace function ledger_private.plan_batch(requests ledger.wallet_request[], batch ledger_private.batch)
returns ledger_private.batch_plan
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  -- By row: the heads, by number of their wallet, then two for each movement. (Arrays of their own are changed in place.)
  v_other int := cardinality(batch.wallets);
  v_row int;
  v_numbers int[] := (batch.heads).numbers;
  v_befores int[] := (batch.heads).numbers;
  v_seqs bigint[] := (batch.heads).seqs;
  v_balances bigint[] := (batch.heads).balances;
  v_bonus_balances bigint[] := (batch.heads).bonus_balances;
  v_topped_up bigint[] := (batch.heads).topped_up_totals;
  v_granted bigint[] := (batch.heads).granted_totals;
  v_spent bigint[] := (batch.heads).spent_totals;
  -- By number of the wallet: the row of its newest entry; and what does not change in a batch.
  v_newest int[] := (batch.heads).numbers;
  v_held bigint[] := (batch.heads).held_balances;
  v_held_bonus bigint[] := (batch.heads).held_bonus;
  v_times timestamptz[] := (batch.heads).times;
  v_wallets ledger.wallets[] := batch.wallets;
  v_limits ledger.asset_limits[] := batch.limits;
  v_day_before ledger.entries[] := batch.day_before;
  -- By place of the request.
  v_acting int[] := (batch.numbers).numbers;
  v_others int[] := (batch.numbers).other_numbers;
  v_odd boolean[] := (batch.numbers).odd;
  v_used boolean[] := (batch.numbers).used;
  v_first_places int[] := (batch.numbers).first_places;
  v_rows int[] := array_fill(null::int, array[cardinality(requests)]);
  v_bonus_amounts bigint[] := array_fill(null::bigint, array[cardinality(requests)]);
  v_item ledger.wallet_request;
  v_place int := 0;
  v_number int;
  v_other_number int;
  v_sign int;
  v_before int;
  v_other_before int;
  v_bonus bigint;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_detail text;
  v_hint text;
begin
  foreach v_item in array requests loop
    v_place := v_place + 1;
    v_number := v_acting[v_place];
    v_other_number := v_others[v_place];
    -- Another kind is as good as none: what else a single call of it would want is beside the point.
    continue when not ledger_private.check_request(case when v_item.kind in ('top_up', 'bonus', 'spend', 'transfer') then v_item.kind end,
      v_item.wallet_id, v_item.counterparty_id, null, null, v_item.amount, v_item.idem_key, v_item.expires_at, coalesce(v_item.metadata, '{}'));
    if v_odd[v_place] or v_item.expires_at <= v_times[v_number] then
      continue when not ledger_private.check_batch_item(v_item, v_wallets[v_number], case when v_item.kind = 'transfer' then
        v_wallets[v_other_number] end, v_used[v_place], requests[nullif(v_first_places[v_place], v_place)], v_times[v_number]);
    end if;
    v_sign := case when v_item.kind in ('spend', 'transfer') then -1 else 1 end;
    v_row := v_other + 1;
    v_other := v_other + 2;
    v_before := v_newest[v_number];
    v_other_before := v_newest[v_other_number];
    v_newest[v_number] := v_row;
    v_newest[v_other_number] := v_other;
    v_numbers[v_row] := v_number;
    v_numbers[v_other] := v_other_number;
    v_befores[v_row] := v_before;
    v_befores[v_other] := v_other_before;
    v_bonus := ledger_private.bonus_part(v_item.kind, v_item.amount, v_bonus_balances[v_before] - v_held_bonus[v_number]);
    v_rows[v_place] := v_row;
    v_bonus_amounts[v_place] := v_bonus;
    v_seqs[v_row] := v_seqs[v_before] + 1;
    v_seqs[v_other] := v_seqs[v_other_before] + 1;
    v_balances[v_row] := v_balances[v_before] + v_sign * v_item.amount;
    v_balances[v_other] := v_balances[v_other_before] + v_item.amount;
    v_bonus_balances[v_row] := v_bonus_balances[v_before] + v_sign * v_bonus;
    v_bonus_balances[v_other] := v_bonus_balances[v_other_before] + v_bonus;
    v_topped_up[v_row] := v_topped_up[v_before] + case v_item.kind when 'top_up' then v_item.amount else 0 end;
    v_topped_up[v_other] := v_topped_up[v_other_before] + case v_item.kind when 'top_up' then v_item.amount else 0 end;
    v_granted[v_row] := v_granted[v_before] + case v_item.kind when 'bonus' then v_item.amount else 0 end;
    v_granted[v_other] := v_granted[v_other_before] + case v_item.kind when 'bonus' then v_item.amount else 0 end;
    v_spent[v_row] := v_spent[v_before] + case v_item.kind when 'spend' then v_item.amount else 0 end;
    v_spent[v_other] := v_spent[v_other_before] + case v_item.kind when 'spend' then v_item.amount else 0 end;
    if batch.judged or v_balances[v_row] < v_held[v_number] then
      v_entry := row(v_wallets[v_number].id, v_seqs[v_row], null, v_item.kind, case v_sign when 1 then 'credit' else 'debit' end,
        v_item.amount, v_bonus, 0, v_balances[v_row], v_bonus_balances[v_row], v_held[v_number], v_topped_up[v_row], v_granted[v_row],
        v_spent[v_row], null, v_times[v_number]);
      v_other_entry := row(v_wallets[v_other_number].id, v_seqs[v_other], null, v_item.kind,
        case v_sign when 1 then 'debit' else 'credit' end, v_item.amount, v_bonus, 0, v_balances[v_other], v_bonus_balances[v_other],
        v_held[v_other_number], v_topped_up[v_other], v_granted[v_other], v_spent[v_other], null, v_times[v_other_number]);
      perform ledger_private.judge(v_entry, case when v_item.kind = 'transfer' then v_other_entry end,
        v_limits[v_number], v_day_before[v_number]);
      perform ledger_private.refuse_overflow(v_other_entry) where v_other_entry.balance > 9000000000000000000;
    end if;
  end loop;
  return row(v_rows, v_bonus_amounts, v_numbers, v_befores, v_seqs, v_balances, v_bonus_balances, v_topped_up, v_granted, v_spent);
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  if sqlstate like 'WL%' then
    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_place - 1), v_hint);
  end if;
  raise;
end
$$;

comment on function ledger_private.plan_batch(ledger.wallet_request[], ledger_private.batch) is
$$What a batch will book: judges its requests one after the other in memory, by the rules of single calls and in their order, each upon the balances
that those before it leave. Refuses as a single call would, with the index of the item in the detail. The wallets are locked.$$;

revoke all on function ledger_private.plan_batch(ledger.wallet_request[], ledger_private.batch) from public;
