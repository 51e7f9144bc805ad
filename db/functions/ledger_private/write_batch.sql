create or replace function ledger_private.write_batch(
  requests ledger.wallet_request[],
  batch ledger_private.batch,
  plan ledger_private.batch_plan
)
returns ledger.receipt[]
language plpgsql
volatile
-- One plan for all sizes of batch: for each another would cost more than it gains.
set plan_cache_mode = force_generic_plan
as $$
declare
  -- By number of the wallet.
  v_ids uuid[] := batch.ids;
  v_held bigint[] := (batch.heads).held_balances;
  v_times timestamptz[] := (batch.heads).times;
  -- By row: the heads, then the entries. What is in an array is taken from it by place, which costs less than to unnest rows.
  v_heads int := cardinality(v_ids);
  v_numbers int[] := plan.numbers;
  v_befores int[] := plan.befores;
  v_seqs bigint[] := plan.seqs;
  v_balances bigint[] := plan.balances;
  v_bonus_balances bigint[] := plan.bonus_balances;
  v_topped_up bigint[] := plan.topped_up_totals;
  v_granted bigint[] := plan.granted_totals;
  v_spent bigint[] := plan.spent_totals;
  v_hashes bytea[] := (batch.heads).hashes;
  v_sides ledger.entry_side[];
  -- By movement.
  v_transfer_ids uuid[];
  v_kinds ledger.transfer_kind[];
  v_amounts bigint[];
  v_bonus_amounts bigint[];
  v_bytes bytea[];
  v_first_id uuid := uuidv7();
  v_actor text := ledger_private.actor();
  v_guard text;
  v_place int;
  v_number int;
begin
  if (cardinality(v_numbers) > v_heads) is not true then
    return '{}';
  end if;
  -- As in write_all.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct v_ids[n] from unnest(v_numbers[v_heads + 1:]) n));
  end if;
  v_guard := set_config('ledger.posting', 'on', true);
  with written as (
    insert into ledger.transfers as t
      select ledger_private.uuid_after(v_first_id, i.row - v_heads), i.wallet_id, i.idem_key, i.kind,
          v_ids[v_numbers[i.debit]], v_seqs[i.debit], v_ids[v_numbers[i.credit]], v_seqs[i.credit],
          i.amount, i.amount, i.bonus_part, null, null, i.expires_at, coalesce(i.metadata, '{}'), v_actor, v_times[v_numbers[i.row]],
          pg_current_xact_id()
        from (
          select r.*, case when r.kind in ('spend', 'transfer') then r.row else r.row + 1 end as debit,
              case when r.kind in ('spend', 'transfer') then r.row + 1 else r.row end as credit
            from unnest(requests, plan.bonus_amounts, plan.rows)
              as r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, bonus_part, row)
            where r.row is not null
        ) i
      returning t.id, t.kind, t.amount, t.bonus_amount, ledger_private.transfer_bytes(t) as bytes
  )
  select array_agg(w.id), array_agg(w.kind), array_agg(w.amount), array_agg(w.bonus_amount), array_agg(w.bytes)
    into v_transfer_ids, v_kinds, v_amounts, v_bonus_amounts, v_bytes
    from written w;
  for n in v_heads + 1 .. cardinality(v_numbers) loop
    v_place := (n - v_heads + 1) / 2;
    v_number := v_numbers[n];
    v_sides[n] := case when ((n - v_heads) % 2 = 1) = (v_kinds[v_place] in ('spend', 'transfer')) then 'debit' else 'credit' end;
    v_hashes[n] := ledger_private.entry_hash(v_hashes[v_befores[n]], ledger_private.entry_bytes(
      row(v_ids[v_number], v_seqs[n], v_transfer_ids[v_place], v_kinds[v_place], v_sides[n], v_amounts[v_place], v_bonus_amounts[v_place], 0,
        v_balances[n], v_bonus_balances[n], v_held[v_number], v_topped_up[n], v_granted[n], v_spent[n], null, v_times[v_number]),
      v_bytes[v_place]));
  end loop;
  insert into ledger.entries
    select v_ids[s.number], v_seqs[s.row], v_transfer_ids[s.place], v_kinds[s.place], v_sides[s.row], v_amounts[s.place],
        v_bonus_amounts[s.place], 0, v_balances[s.row], v_bonus_balances[s.row], v_held[s.number], v_topped_up[s.row], v_granted[s.row],
        v_spent[s.row], v_hashes[s.row], v_times[s.number]
      from (select n, (n + 1) / 2 as place, v_heads + n as row, v_numbers[v_heads + n] as number
        from generate_series(1, cardinality(v_numbers) - v_heads) n) s;
  v_guard := set_config('ledger.posting', '', true);
  if batch.lots then
    perform ledger_private.move_batch_lots(v_transfer_ids, v_numbers[v_heads + 1:], batch);
  end if;
  return array(
    select row(v_transfer_ids[s.n], v_ids[s.number], v_seqs[s.row], v_kinds[s.n], v_amounts[s.n], v_bonus_amounts[s.n], v_balances[s.row],
        v_bonus_balances[s.row], v_held[s.number], v_balances[s.row] - v_held[s.number], null, false, v_times[s.number])::ledger.receipt
      from (select n, v_heads + 2 * n - 1 as row, v_numbers[v_heads + 2 * n - 1] as number
        from generate_series(1, cardinality(v_transfer_ids)) n) s);
end
$$;

comment on function ledger_private.write_batch(ledger.wallet_request[], ledger_private.batch, ledger_private.batch_plan) is
$$Writes what was planned: the movements, their entries with their hashes, that of the acting wallet first, and what moves between lots. Returns a
receipt for each movement, in their order.$$;

revoke all on function ledger_private.write_batch(ledger.wallet_request[], ledger_private.batch, ledger_private.batch_plan) from public;
