create or replace function ledger_private.batch_heads(wallet_ids uuid[], at_time timestamptz)
returns ledger_private.batch_heads
language sql
stable
-- One plan for all numbers of wallets, which looks each one up.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select row(array_agg(w.number), array_agg(greatest(at_time, h.created_at)), array_agg(h.hash),
    array_agg(coalesce(h.seq, 0)), array_agg(coalesce(h.balance, 0)), array_agg(coalesce(h.bonus_balance, 0)),
    array_agg(coalesce(h.held_balance, 0)), array_agg(case when h.held_balance > 0 then ledger_private.held_bonus(h) else 0 end),
    array_agg(coalesce(h.topped_up_total, 0)), array_agg(coalesce(h.granted_total, 0)), array_agg(coalesce(h.spent_total, 0)),
    max(greatest(h.balance, h.topped_up_total, h.granted_total, h.spent_total, 0)))::ledger_private.batch_heads
  from unnest(wallet_ids) with ordinality w (id, number)
  left join lateral ledger_private.head(w.id) h on true
$$;

comment on function ledger_private.batch_heads(uuid[], timestamptz) is
$$The newest entries of these wallets, fact by fact, in their order: zero for a wallet without entries; the time is that of its next entry, at
an instant. And the largest number of all.$$;

revoke all on function ledger_private.batch_heads(uuid[], timestamptz) from public;
