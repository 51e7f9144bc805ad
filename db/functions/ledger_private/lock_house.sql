create or replace function ledger_private.lock_house(house ledger.house_account, wallet ledger.wallets)
returns ledger.wallets
language plpgsql
volatile
as $$
declare
  v_house ledger.wallets;
begin
  select w.* into strict v_house
    from ledger.wallets w
    where w.asset_code = wallet.asset_code and w.house = lock_house.house and w.stripe = ledger.wallet_stripe(wallet.id)
    for no key update;
  return v_house;
end
$$;

comment on function ledger_private.lock_house(ledger.house_account, ledger.wallets) is
  'Locks the part of a house account that a player''s single calls are booked against.';

revoke all on function ledger_private.lock_house(ledger.house_account, ledger.wallets) from public;
