create or replace function ledger_private.verify_house()
returns setof ledger.finding
language sql
stable
as $$
  select 'wallet_id', null::uuid, null::bigint, null::uuid, jsonb_build_object('asset_code', a.code, 'house', h.account, 'stripe', s.stripe)
  from ledger.assets a, unnest(enum_range(null::ledger.house_account)) as h (account), generate_series(0, 32) as s (stripe)
  where not exists (
    select from ledger.wallets w where w.asset_code = a.code and w.house = h.account and w.stripe = s.stripe
  )
$$;

comment on function ledger_private.verify_house() is 'A finding for each part of the house that an asset has no wallet for.';

revoke all on function ledger_private.verify_house() from public;
grant execute on function ledger_private.verify_house() to wallet_auditor;
