create or replace function ledger_private.above_limit(
  wallet ledger.wallets,
  head ledger.entries,
  kind ledger.transfer_kind,
  change bigint,
  amount bigint,
  at_time timestamptz
)
returns ledger.refusal
language plpgsql
stable
as $$
declare
  v_limits ledger.asset_limits;
  v_day_before ledger.entries;
  v_refusal ledger.refusal := ledger_private.above_ceiling(wallet.id, head, kind, change, amount);
begin
  if v_refusal.code is not null then
    return v_refusal;
  end if;
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = wallet.asset_code order by l.seq desc limit 1;
  if not found then
    return null;
  end if;
  -- Totals run through the log: what the last 24 hours added is the head's less those of the newest entry before them.
  if num_nonnulls(v_limits.max_daily_top_up, v_limits.max_daily_bonus, v_limits.max_daily_spend) > 0 then
    v_day_before := ledger_private.entry_at(wallet.id, greatest(at_time, head.created_at) - interval '24 hours');
  end if;
  select (ledger_private.limit_exceeded(wallet.id, l.name, l.max, l.used)).* into v_refusal
    from (values
      ('max_spend', kind in ('spend', 'capture'), v_limits.max_spend, 0),
      ('max_balance', change > 0, v_limits.max_balance, coalesce(head.balance, 0)),
      ('max_daily_top_up', kind = 'top_up', v_limits.max_daily_top_up,
        coalesce(head.topped_up_total, 0) - coalesce(v_day_before.topped_up_total, 0)),
      ('max_daily_bonus', kind = 'bonus', v_limits.max_daily_bonus,
        coalesce(head.granted_total, 0) - coalesce(v_day_before.granted_total, 0)),
      ('max_daily_spend', kind in ('spend', 'capture'), v_limits.max_daily_spend,
        coalesce(head.spent_total, 0) - coalesce(v_day_before.spent_total, 0))
    ) as l (name, applies, max, used)
    where l.applies and l.used::numeric + amount > l.max
    limit 1;
  return v_refusal;
end
$$;

comment on function ledger_private.above_limit is
$$WLLIM: an amount would go above what the ledger counts to or above a limit of the asset, the largest spend, the largest balance, or the largest
total of 24 hours; null where it would not. head is the wallet's newest entry, change what the amount does to its balance. Reversals give back
and are held to the first alone.$$;
