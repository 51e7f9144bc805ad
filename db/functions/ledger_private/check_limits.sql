create or replace function ledger_private.check_limits(limits ledger.asset_limits, entry ledger.entries, day_before ledger.entries)
returns void
language plpgsql
volatile
as $$
declare
  v_name text;
  v_max bigint;
  v_used numeric;
begin
  -- Totals run through the log: what the last 24 hours added is this entry's less those of the newest entry before them.
  select l.name, l.max, l.used into v_name, v_max, v_used
    from (values
      ('max_spend', array['spend', 'capture'], limits.max_spend, 0),
      ('max_balance', array['top_up', 'bonus', 'transfer'], limits.max_balance,
        case when entry.side = 'credit' then entry.balance::numeric - entry.amount end),
      ('max_daily_top_up', array['top_up'], limits.max_daily_top_up,
        entry.topped_up_total::numeric - entry.amount - coalesce(day_before.topped_up_total, 0)),
      ('max_daily_bonus', array['bonus'], limits.max_daily_bonus,
        entry.granted_total::numeric - entry.amount - coalesce(day_before.granted_total, 0)),
      ('max_daily_spend', array['spend', 'capture'], limits.max_daily_spend,
        entry.spent_total::numeric - entry.amount - coalesce(day_before.spent_total, 0))
    ) as l (name, kinds, max, used)
    where entry.kind::text = any (l.kinds) and l.used + entry.amount > l.max
    limit 1;
  if found then
    perform ledger_private.check_snapshot(array[entry.wallet_id]);
    perform ledger_private.refuse_limit(entry.wallet_id, v_name, v_max, v_used);
  end if;
end
$$;

comment on function ledger_private.check_limits(ledger.asset_limits, ledger.entries, ledger.entries) is
$$Refuses with WLLIM a player's entry, not yet written, that would go above a limit of the asset: the largest spend, the largest balance,
or the largest total of 24 hours, which day_before, the wallet's newest entry before them, tells. Reversals give back and are not limited.$$;

revoke all on function ledger_private.check_limits(ledger.asset_limits, ledger.entries, ledger.entries) from public;
