create or replace function ledger_private.lock_breakage(wallet ledger.wallets, draws ledger.bonus_lot_draws[], at_time timestamptz)
returns boolean
language plpgsql
volatile
as $$
declare
  v_breakage ledger.wallets;
begin
  if not exists (select from unnest(draws) d where d.expires_at <= at_time and d.amount + d.held_amount < 0) then
    return false;
  end if;
  v_breakage := ledger_private.lock_house('breakage', wallet);
  return true;
end
$$;

comment on function ledger_private.lock_breakage(ledger.wallets, ledger.bonus_lot_draws[], timestamptz) is
$$Tells whether a booking gives credits back to lots that have expired, so that settle() must follow it; if so, locks the wallet's part of
breakage, which comes before any other part of the house.$$;

revoke all on function ledger_private.lock_breakage(ledger.wallets, ledger.bonus_lot_draws[], timestamptz) from public;
