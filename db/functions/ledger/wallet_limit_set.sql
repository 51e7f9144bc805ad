create or replace function ledger.wallet_limit_set(
  wallet_id uuid,
  max_spend bigint default null,
  max_balance bigint default null,
  max_daily_top_up bigint default null,
  max_daily_bonus bigint default null,
  max_daily_spend bigint default null,
  max_transfer bigint default null,
  max_daily_transfer bigint default null
)
returns ledger.wallet_limits
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_newest ledger.wallet_limits;
  v_limits ledger.wallet_limits;
  v_own boolean := num_nonnulls(max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend,
    max_transfer, max_daily_transfer) > 0;
begin
  perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id', 'Name the wallet by its id.'))
    where wallet_id is null;
  perform ledger_private.refuse(ledger_private.invalid_limit(array[max_spend, max_balance, max_daily_top_up,
    max_daily_bonus, max_daily_spend, max_transfer, max_daily_transfer]));
  -- Of two calls one waits for the other. Above READ COMMITTED it ends with 40001: each changes the wallet's row.
  perform from ledger.wallets w where w.id = wallet_limit_set.wallet_id for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;

  select l.* into v_newest from ledger.wallet_limits l where l.wallet_id = wallet_limit_set.wallet_id
    order by l.seq desc limit 1;
  v_limits := row(wallet_id, v_newest.seq, max_spend, max_balance, max_daily_top_up, max_daily_bonus, max_daily_spend,
    max_transfer, max_daily_transfer);
  if v_newest.seq is not null and v_newest is not distinct from v_limits then
    return v_newest;
  end if;
  select max(e.seq) + 1 into v_limits.seq from ledger.wallet_events e where e.wallet_id = wallet_limit_set.wallet_id;
  perform set_config('ledger.posting', 'on', true);
  perform ledger_private.record_events(array[wallet_id], 'limited', null,
    sha256(ledger_private.wallet_limit_bytes(v_limits)));
  insert into ledger.wallet_limits values (v_limits.*);
  update ledger.wallets w set own_limits = case when v_own then v_limits.seq end
    where w.id = wallet_limit_set.wallet_id;
  perform set_config('ledger.posting', '', true);
  return v_limits;
end
$$;

comment on function ledger.wallet_limit_set is
$$@resultFieldName limits
Sets all limits of a single wallet at once: each stands in place of the same limit of its asset, lower or higher; null
means that the asset's counts. To lift one of the asset's limits for a wallet, set it to 9000000000000000000. Movements
booked already are not judged again; reversals never are, and do not give a day's total back. Setting the limits that
are in force changes nothing. A wallet's events say who set them and when.

- walletId: the player's wallet.
- maxSpend: the largest single spend or capture, in minor units.
- maxBalance: the largest balance that a top-up, bonus or transfer may lead to.
- maxDailyTopUp: the largest total of top-ups within 24 hours, at any moment.
- maxDailyBonus: the largest total of bonuses within 24 hours.
- maxDailySpend: the largest total of spends and captures within 24 hours.
- maxTransfer: the largest single transfer to another player.
- maxDailyTransfer: the largest total of transfers to other players within 24 hours.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_limit_set to wallet_operator;
