create or replace function ledger_private.house_stripe(wallet ledger.wallets, house ledger.house_account)
returns uuid
language sql
stable
as $$
  select w.id
  from ledger.wallets w
  where w.asset_code = wallet.asset_code and w.house = house_stripe.house and w.stripe = ledger.wallet_stripe(wallet.id)
$$;

comment on function ledger_private.house_stripe(ledger.wallets, ledger.house_account) is
  'The part of a house account that a player''s single calls are booked against.';

revoke all on function ledger_private.house_stripe(ledger.wallets, ledger.house_account) from public;
