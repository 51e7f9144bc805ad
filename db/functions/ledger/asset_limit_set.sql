create or replace function ledger.asset_limit_set(
  asset_code text,
  max_spend bigint default null,
  max_balance bigint default null,
  max_daily_top_up bigint default null,
  max_daily_bonus bigint default null,
  max_daily_spend bigint default null
)
returns ledger.asset_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asset_hash bytea;
  v_newest ledger.asset_limits;
  v_limits ledger.asset_limits;
  v_same boolean;
  v_argument text := case
    when asset_code is null then 'asset_code'
    when max_spend not between 0 and 9000000000000000000 then 'max_spend'
    when max_balance not between 0 and 9000000000000000000 then 'max_balance'
    when max_daily_top_up not between 0 and 9000000000000000000 then 'max_daily_top_up'
    when max_daily_bonus not between 0 and 9000000000000000000 then 'max_daily_bonus'
    when max_daily_spend not between 0 and 9000000000000000000 then 'max_daily_spend'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'Name the asset; a limit is a number of minor units from 0 to 9000000000000000000, or null for none.'));
  end if;
  -- Of two calls one waits for the other: each leaves a row of its own.
  select a.hash into v_asset_hash from ledger.assets a where a.code = asset_limit_set.asset_code for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.asset_not_found(asset_code));
  end if;

  select l.* into v_newest from ledger.asset_limits l where l.asset_code = asset_limit_set.asset_code
    order by l.seq desc limit 1;
  v_limits := row(asset_code, coalesce(v_newest.seq, 0) + 1, max_spend, max_balance, max_daily_top_up, max_daily_bonus,
    max_daily_spend, ledger_private.actor(), clock_timestamp(), null);
  v_limits.hash := ledger_private.record_hash(coalesce(v_newest.hash, v_asset_hash),
    ledger_private.asset_limit_bytes(v_limits));
  v_same := v_newest.seq is not null
    and (v_newest.max_spend, v_newest.max_balance,
        v_newest.max_daily_top_up, v_newest.max_daily_bonus, v_newest.max_daily_spend)
      is not distinct from (max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend);
  -- Above READ COMMITTED the newest may be older than the lock: then the row collides with the one that has been set
  -- since. One that changes nothing is taken back.
  begin
    perform set_config('ledger.posting', 'on', true);
    insert into ledger.asset_limits values (v_limits.*) on conflict on constraint asset_limits_pkey do nothing;
    if not found then
      perform ledger_private.refuse_stale();
    end if;
    if v_same then
      raise exception using errcode = 'raise_exception', message = 'these limits are in force';
    end if;
    perform set_config('ledger.posting', '', true);
  exception when raise_exception then
    return v_newest;
  end;
  return v_limits;
end
$$;

comment on function ledger.asset_limit_set is
$$@resultFieldName limits
Sets all limits of an asset at once, for each wallet of it; null means none. Movements booked already are not judged
again; reversals never are, and do not give a day's total back. Setting the limits that are in force changes nothing.

- assetCode: the asset, such as GOLD.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function ledger.asset_limit_set to wallet_operator;
