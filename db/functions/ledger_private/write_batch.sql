create or replace function ledger_private.write_batch(
  requests ledger.transfers[],
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
  v_ids uuid[] := array(select w.id from unnest(batch.wallets) w);
  v_held bigint[] := plan.held_balances;
  v_times timestamptz[] := plan.times;
  -- By row: the heads, then the entries. What is in an array is taken from it by place, which costs less than to unnest rows.
  v_heads int := cardinality(v_ids);
  v_befores int[] := plan.befores;
  v_seqs bigint[] := plan.seqs;
  v_balances bigint[] := plan.balances;
  v_bonus_balances bigint[] := plan.bonus_balances;
  v_topped_up bigint[] := plan.topped_up_totals;
  v_granted bigint[] := plan.granted_totals;
  v_spent bigint[] := plan.spent_totals;
  v_hashes bytea[] := array(select h.hash from unnest(batch.heads) h);
  -- By movement.
  v_transfers ledger.transfers[];
  v_transfer_ids uuid[];
  v_kinds ledger.transfer_kind[];
  v_amounts bigint[];
  v_bonus_amounts bigint[];
  v_numbers int[];
  v_other_numbers int[];
  v_bytes bytea[];
  -- By entry: two for each movement, the acting wallet's first.
  v_entry_numbers int[];
  v_sides ledger.entry_side[];
  v_links bytea[];
  v_guard text;
begin
  select array_agg(row(i.id, i.wallet_id, i.idem_key, i.kind,
        case when i.leaving then i.wallet_id else v_ids[i.other_number] end, v_seqs[case when i.leaving then i.row - 1 else i.row end],
        case when i.leaving then v_ids[i.other_number] else i.wallet_id end, v_seqs[case when i.leaving then i.row else i.row - 1 end],
        i.amount, i.amount, i.bonus_part, null, null, i.expires_at, i.metadata, i.actor, v_times[i.number])::ledger.transfers),
      array_agg(i.id), array_agg(i.kind), array_agg(i.amount), array_agg(i.bonus_part), array_agg(i.number), array_agg(i.other_number)
    into v_transfers, v_transfer_ids, v_kinds, v_amounts, v_bonus_amounts, v_numbers, v_other_numbers
    from (
      select r.*, r.kind in ('spend', 'transfer') as leaving, v_heads + 2 * (row_number() over ())::int as row
        from unnest(requests, (batch.numbers).numbers, (batch.numbers).other_numbers, plan.bonus_amounts)
          as r (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq, requested_amount, amount,
            bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, number, other_number, bonus_part)
        where r.bonus_part is not null
    ) i;
  if v_transfers is null then
    return '{}';
  end if;
  v_entry_numbers := array(
    select case n % 2 when 1 then v_numbers[(n + 1) / 2] else v_other_numbers[n / 2] end from generate_series(1, 2 * cardinality(v_numbers)) n);
  v_sides := array(
    select case when (n % 2 = 1) = (v_kinds[(n + 1) / 2] in ('spend', 'transfer')) then 'debit'::ledger.entry_side else 'credit' end
      from generate_series(1, 2 * cardinality(v_numbers)) n);
  v_bytes := array(select ledger_private.transfer_bytes(t) from unnest(v_transfers) t);
  v_links := array(
    select ledger_private.entry_bytes(row(e.wallet_id, e.seq, e.transfer_id, e.kind, e.side, e.amount, e.bonus_amount, 0, e.balance,
        e.bonus_balance, e.held_balance, e.topped_up_total, e.granted_total, e.spent_total, null, e.created_at)::ledger.entries, e.bytes)
      from (
        select v_ids[s.number] as wallet_id, v_seqs[v_heads + s.n] as seq, v_transfer_ids[s.place] as transfer_id,
            v_kinds[s.place] as kind, v_sides[s.n] as side, v_amounts[s.place] as amount, v_bonus_amounts[s.place] as bonus_amount,
            v_balances[v_heads + s.n] as balance, v_bonus_balances[v_heads + s.n] as bonus_balance, v_held[s.number] as held_balance,
            v_topped_up[v_heads + s.n] as topped_up_total, v_granted[v_heads + s.n] as granted_total, v_spent[v_heads + s.n] as spent_total,
            v_times[s.number] as created_at, v_bytes[s.place] as bytes
          from (select n, (n + 1) / 2 as place, v_entry_numbers[n] as number from generate_series(1, cardinality(v_entry_numbers)) n) s
        offset 0
      ) e);
  for i in 1 .. cardinality(v_links) loop
    v_hashes[v_heads + i] := ledger_private.entry_hash(v_hashes[v_befores[v_heads + i]], v_links[i]);
  end loop;

  -- As in write_all.
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ledger_private.check_snapshot(array(select distinct v_ids[n] from unnest(v_entry_numbers) n));
  end if;
  v_guard := set_config('ledger.posting', 'on', true);
  insert into ledger.entries
    select v_ids[s.number], v_seqs[v_heads + s.n], v_transfer_ids[s.place], v_kinds[s.place], v_sides[s.n], v_amounts[s.place],
        v_bonus_amounts[s.place], 0, v_balances[v_heads + s.n], v_bonus_balances[v_heads + s.n], v_held[s.number],
        v_topped_up[v_heads + s.n], v_granted[v_heads + s.n], v_spent[v_heads + s.n], v_hashes[v_heads + s.n], v_times[s.number]
      from (select n, (n + 1) / 2 as place, v_entry_numbers[n] as number from generate_series(1, cardinality(v_entry_numbers)) n) s;
  insert into ledger.transfers select * from unnest(v_transfers);
  v_guard := set_config('ledger.posting', '', true);
  perform ledger_private.move_batch_lots(v_transfers, v_numbers, v_other_numbers, batch);
  return array(
    select row(v_transfer_ids[s.n], v_ids[s.number], v_seqs[s.row], v_kinds[s.n], v_amounts[s.n], v_bonus_amounts[s.n], v_balances[s.row],
        v_bonus_balances[s.row], v_held[s.number], v_balances[s.row] - v_held[s.number], null, false, v_times[s.number])::ledger.receipt
      from (select n, v_numbers[n] as number, v_heads + 2 * n - 1 as row from generate_series(1, cardinality(v_transfers)) n) s);
end
$$;

comment on function ledger_private.write_batch(ledger.transfers[], ledger_private.batch, ledger_private.batch_plan) is
$$Writes what was planned: the movements, their entries with their hashes, that of the acting wallet first, and what moves between lots. Returns a
receipt for each movement, in their order.$$;

revoke all on function ledger_private.write_batch(ledger.transfers[], ledger_private.batch, ledger_private.batch_plan) from public;
