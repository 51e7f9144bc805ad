create or replace function ledger_private.limits_of(wallet ledger.wallets)
returns ledger.asset_limits
language plpgsql
stable
as $$
declare
  v_limits ledger.asset_limits;
  v_own ledger.wallet_limits;
begin
  select l.* into v_limits from ledger.asset_limits l where l.asset_code = wallet.asset_code
    order by l.seq desc limit 1;
  if wallet.own_limits is not null then
    v_own := ledger_private.own_limits(wallet);
    v_limits.max_spend := coalesce(v_own.max_spend, v_limits.max_spend);
    v_limits.max_balance := coalesce(v_own.max_balance, v_limits.max_balance);
    v_limits.max_daily_top_up := coalesce(v_own.max_daily_top_up, v_limits.max_daily_top_up);
    v_limits.max_daily_bonus := coalesce(v_own.max_daily_bonus, v_limits.max_daily_bonus);
    v_limits.max_daily_spend := coalesce(v_own.max_daily_spend, v_limits.max_daily_spend);
    v_limits.max_transfer := coalesce(v_own.max_transfer, v_limits.max_transfer);
    v_limits.max_daily_transfer := coalesce(v_own.max_daily_transfer, v_limits.max_daily_transfer);
  end if;
  return v_limits;
end
$$;

comment on function ledger_private.limits_of is
  'The limits that count for a wallet, which is locked: its own, and where it has none, those of its asset.';
