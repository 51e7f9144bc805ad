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
begin
  -- What is given back, corrected or brought along: for it only what the ledger counts to is a limit.
  if kind not in ('reversal', 'opening', 'adjustment', 'collection', 'forgiveness', 'merge') then
    v_limits := ledger_private.limits_of(wallet);
  end if;
  -- Totals run through the log: what the last 24 hours added is the head's less those of the newest entry before them.
  if num_nonnulls(v_limits.max_daily_top_up, v_limits.max_daily_bonus, v_limits.max_daily_spend,
    v_limits.max_daily_transfer) > 0 then
    v_day_before := ledger_private.entry_at(wallet.id, greatest(at_time, head.created_at) - interval '24 hours');
  end if;
  return (
    select ledger_private.limit_exceeded(wallet.id, l.name, l.max, l.used)
    from (values
      -- What the ledger counts to is so far below the end of bigint that one more amount never overflows it; a whole
      -- balance, which a merge moves, might.
      ('max_balance', true, 9000000000000000000, greatest(
        coalesce(head.balance, 0)::numeric + change - amount,
        case kind when 'top_up' then coalesce(head.topped_up_total, 0) end,
        case kind when 'bonus' then coalesce(head.granted_total, 0) end,
        case when kind in ('spend', 'capture') then coalesce(head.spent_total, 0) end,
        case when kind = 'transfer' and change < 0 then coalesce(head.sent_total, 0) end)),
      ('owed', kind in ('collection', 'forgiveness'), coalesce(head.owed, 0), 0),
      ('max_spend', kind in ('spend', 'capture'), v_limits.max_spend, 0),
      ('max_balance', change > 0, v_limits.max_balance, coalesce(head.balance, 0)),
      ('max_daily_top_up', kind = 'top_up', v_limits.max_daily_top_up,
        coalesce(head.topped_up_total, 0) - coalesce(v_day_before.topped_up_total, 0)),
      ('max_daily_bonus', kind = 'bonus', v_limits.max_daily_bonus,
        coalesce(head.granted_total, 0) - coalesce(v_day_before.granted_total, 0)),
      ('max_daily_spend', kind in ('spend', 'capture'), v_limits.max_daily_spend,
        coalesce(head.spent_total, 0) - coalesce(v_day_before.spent_total, 0)),
      -- Of a transfer, for who sends.
      ('max_transfer', kind = 'transfer' and change < 0, v_limits.max_transfer, 0),
      ('max_daily_transfer', kind = 'transfer' and change < 0, v_limits.max_daily_transfer,
        coalesce(head.sent_total, 0) - coalesce(v_day_before.sent_total, 0))
    ) as l (name, applies, max, used)
    where l.applies and l.used + amount > l.max
    limit 1);
end
$$;

comment on function ledger_private.above_limit is
$$WLLIM: an amount would go above a limit of the wallet or its asset, what the wallet owes, or what the ledger counts
to. head is the wallet's newest entry, change what the amount does to its balance.$$;
