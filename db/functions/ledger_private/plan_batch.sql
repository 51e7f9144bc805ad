create or replace function ledger_private.plan_batch(requests ledger.transfers[], at_time timestamptz)
returns ledger_private.batch_plan
language plpgsql
volatile
as $$
declare
  v_batch ledger_private.batch := ledger_private.load_batch(requests, at_time);
  -- An array of its own is changed in place, one inside a row would be copied.
  v_wallets ledger.wallets[] := v_batch.wallets;
  v_heads ledger.entries[] := v_batch.heads;
  v_limits ledger.asset_limits[] := v_batch.limits;
  v_day_before ledger.entries[] := v_batch.day_before;
  v_held_bonus bigint[] := v_batch.held_bonus;
  v_numbers int[] := v_batch.numbers;
  v_other_numbers int[] := v_batch.other_numbers;
  v_first_places int[] := v_batch.first_places;
  v_firsts ledger.transfers[] := v_batch.firsts;
  v_receipts ledger.receipt[] := v_batch.receipts;
  v_transfers ledger.transfers[] := '{}';
  v_entries ledger.entries[] := '{}';
  v_moving ledger.transfers[] := '{}';
  v_from_numbers int[] := '{}';
  v_to_numbers int[] := '{}';
  v_request ledger.transfers;
  v_first ledger.transfers;
  v_receipt ledger.receipt;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_leaving boolean;
  v_checked boolean;
  v_bytes bytea;
  v_number int;
  v_other_number int;
  v_index int;
  v_detail text;
  v_hint text;
begin
  for i in 1 .. cardinality(requests) loop
    v_index := i - 1;
    v_request := requests[i];
    v_number := v_numbers[i];
    v_other_number := v_other_numbers[i];
    v_wallet := v_wallets[v_number];
    v_head := v_heads[v_number];
    v_other := case when v_request.kind = 'transfer' then v_wallets[v_other_number] end;
    v_first := v_firsts[i];
    if v_first.id is null and v_first_places[i] < i then
      v_first := requests[v_first_places[i]];
    end if;
    if not ledger_private.check_batch_item(v_request, v_wallet, v_other, v_first, greatest(at_time, v_head.created_at)) then
      v_receipt := v_receipts[v_first_places[i]];
      v_receipt.replayed := true;
      v_receipts[i] := v_receipt;
      continue;
    end if;

    v_request.bonus_amount := ledger_private.bonus_part(v_request.kind, v_request.amount, v_head.bonus_balance - v_held_bonus[v_number]);
    v_leaving := v_request.kind in ('spend', 'transfer');
    v_entry := ledger_private.next_entry(v_wallet, v_head, case when v_leaving then 'debit'::ledger.entry_side else 'credit' end,
      v_request.id, v_request.kind, v_request.amount, v_request.bonus_amount, 0, at_time);
    v_other_entry := ledger_private.next_entry(v_wallets[v_other_number], v_heads[v_other_number],
      case when v_leaving then 'credit'::ledger.entry_side else 'debit' end,
      v_request.id, v_request.kind, v_request.amount, v_request.bonus_amount, 0, at_time);
    v_checked := ledger_private.judge(v_entry, case when v_request.kind = 'transfer' then v_other_entry end,
      v_limits[v_number], v_day_before[v_number]);
    if v_other_entry.balance > 9000000000000000000 then
      perform ledger_private.refuse_overflow(v_other_entry);
    end if;
    v_request := ledger_private.sides(v_request, v_entry, v_other_entry);
    v_bytes := ledger_private.transfer_bytes(v_request);
    v_entry.hash := ledger_private.link_hash(v_entry, v_bytes);
    v_other_entry.hash := ledger_private.link_hash(v_other_entry, v_bytes);
    v_heads[v_number] := v_entry;
    v_heads[v_other_number] := v_other_entry;
    v_transfers[cardinality(v_transfers) + 1] := v_request;
    v_entries[cardinality(v_entries) + 1] := v_entry;
    v_entries[cardinality(v_entries) + 1] := v_other_entry;
    v_receipts[i] := ledger_private.receipt(v_request, v_entry, false);
    if v_request.bonus_amount > 0 and (v_request.kind <> 'bonus' or v_request.expires_at is not null) then
      v_moving[cardinality(v_moving) + 1] := v_request;
      v_from_numbers[cardinality(v_moving)] := v_number;
      v_to_numbers[cardinality(v_moving)] := case when v_request.kind = 'bonus' then v_number else v_other_number end;
    end if;
  end loop;
  return row(v_transfers, v_entries, v_receipts, v_moving, v_from_numbers, v_to_numbers, cardinality(v_wallets));
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  if sqlstate like 'WL%' then
    perform ledger_private.refuse(sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_index), v_hint);
  end if;
  raise;
end
$$;

comment on function ledger_private.plan_batch(ledger.transfers[], timestamptz) is
$$What a batch will book: judges its requests one after the other in memory, by the rules of single calls and in their order, each upon the balances
that those before it leave. Refuses as a single call would, with the index of the item in the detail. The wallets are locked.$$;

revoke all on function ledger_private.plan_batch(ledger.transfers[], timestamptz) from public;
