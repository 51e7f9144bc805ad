create or replace function ledger.asset_limit_set(
  asset_code text,
  max_spend bigint default null,
  max_balance bigint default null,
  max_daily_top_up bigint default null,
  max_daily_bonus bigint default null,
  max_daily_spend bigint default null,
  max_transfer bigint default null,
  max_daily_transfer bigint default null
)
returns ledger.asset_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Name the asset, such as GOLD.'))
    where asset_code is null;
  perform ledger_private.refuse(ledger_private.invalid_limit(array[max_spend, max_balance, max_daily_top_up,
    max_daily_bonus, max_daily_spend, max_transfer, max_daily_transfer]));
  return ledger_private.change_limits(asset_code, jsonb_build_object('max_spend', max_spend,
    'max_balance', max_balance, 'max_daily_top_up', max_daily_top_up, 'max_daily_bonus', max_daily_bonus,
    'max_daily_spend', max_daily_spend, 'max_transfer', max_transfer, 'max_daily_transfer', max_daily_transfer));
end
$$;

comment on function ledger.asset_limit_set is
$$@resultFieldName limits
Sets all limits of an asset at once, for each wallet of it; null means none. A wallet's own limits go before them: see
walletLimitSet. Movements booked already are not judged
again; reversals never are, and do not give a day's total back. Setting the limits that are in force changes nothing.

- assetCode: the asset, such as GOLD.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.
- maxTransfer: the largest single transfer to another player.
- maxDailyTransfer: the largest total of transfers to other players within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA).$$;

grant execute on function ledger.asset_limit_set to wallet_operator;
