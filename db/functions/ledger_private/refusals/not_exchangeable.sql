create or replace function ledger_private.not_exchangeable(wallet ledger.wallets, other ledger.wallets)
returns ledger.refusal
language sql
immutable
return case when wallet.owner_id <> other.owner_id or wallet.asset_code = other.asset_code then
  ledger_private.invalid_argument('to_wallet', 'Exchange between two wallets of one owner, of different assets.',
    jsonb_build_object('same_owner', wallet.owner_id = other.owner_id, 'from_asset', wallet.asset_code,
      'to_asset', other.asset_code))
end;

comment on function ledger_private.not_exchangeable is
  'WLARG: credits are exchanged between wallets of one owner and different assets only.';
