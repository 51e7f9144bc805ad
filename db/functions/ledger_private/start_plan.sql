create or replace function ledger_private.start_plan(batch ledger_private.batch)
returns ledger_private.batch_plan
language plpgsql
stable
as $$
declare
  v_plan ledger_private.batch_plan;
begin
  select array_agg(coalesce(h.held_balance, 0)),
      array_agg(case when h.held_balance > 0 then ledger_private.held_bonus(batch.heads[h.number]) else 0 end),
      array_agg(greatest(batch.at_time, h.created_at)), array_agg(h.number), array_agg(coalesce(h.seq, 0)), array_agg(coalesce(h.balance, 0)),
      array_agg(coalesce(h.bonus_balance, 0)), array_agg(coalesce(h.topped_up_total, 0)), array_agg(coalesce(h.granted_total, 0)),
      array_agg(coalesce(h.spent_total, 0)),
      -- Whether a limit, or the end of what is counted, may be reached.
      coalesce(cardinality(batch.limits), 0) > 0
        or coalesce(max(greatest(h.balance, h.topped_up_total, h.granted_total, h.spent_total)), 0) + (batch.numbers).total > 9000000000000000000
    into v_plan.held_balances, v_plan.held_bonus, v_plan.times, v_plan.befores, v_plan.seqs, v_plan.balances,
      v_plan.bonus_balances, v_plan.topped_up_totals, v_plan.granted_totals, v_plan.spent_totals, v_plan.judged
    from unnest(batch.heads) with ordinality h (wallet_id, seq, transfer_id, kind, side, amount, bonus_amount, held_amount, balance,
      bonus_balance, held_balance, topped_up_total, granted_total, spent_total, hash, created_at, number);
  return v_plan;
end
$$;

comment on function ledger_private.start_plan(ledger_private.batch) is
$$A plan of nothing yet: its rows are the heads, zero for a wallet without entries. It tells whether each movement is to be judged, because a limit
or the end of what is counted may be reached.$$;

revoke all on function ledger_private.start_plan(ledger_private.batch) from public;
