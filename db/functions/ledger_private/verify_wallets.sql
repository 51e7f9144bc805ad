create or replace function ledger_private.verify_wallets(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select f.rule, w.id, null::bigint, null::uuid, f.detail
  from ledger.wallets w
  cross join lateral (
    select 'wallet_id', jsonb_build_object('owner_id', w.owner_id, 'house', w.house, 'stripe', w.stripe)
      where case when w.house is null then w.id <> ledger.wallet_id(w.owner_id, w.asset_code)
        else w.id <> ledger_private.house_wallet_id(w.asset_code, w.house, w.stripe) end
    union all
    select 'wallet_status', jsonb_build_object('status', w.status, 'event', v.kind)
      from (select max(e.seq) as seq from ledger.wallet_events e where e.wallet_id = w.id) newest
      left join ledger.wallet_events v on v.wallet_id = w.id and v.seq = newest.seq
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
  ) as f (rule, detail)
  where verify_wallets.wallet_id is null or w.id = verify_wallets.wallet_id
  union all
  select 'wallet_reference', w.id, null, null, jsonb_build_object('asset_code', w.asset_code)
  from ledger.wallets w
  where (verify_wallets.wallet_id is null or w.id = verify_wallets.wallet_id)
    and not exists (select from ledger.assets a where a.code = w.asset_code)
  union all
  select 'wallet_reference', e.wallet_id, null, null, jsonb_build_object('event', e.seq)
  from ledger.wallet_events e
  where verify_wallets.wallet_id is null and not exists (select from ledger.wallets w where w.id = e.wallet_id)
  union all
  select 'wallet_id', null, null, null, jsonb_build_object('asset_code', a.code, 'house', h.account, 'stripe', s.stripe)
  from ledger.assets a, unnest(enum_range(null::ledger.house_account)) as h (account), generate_series(0, 32) as s (stripe)
  where verify_wallets.wallet_id is null
    and not exists (
      select from ledger.wallets w where w.asset_code = a.code and w.house = h.account and w.stripe = s.stripe
    )
$$;

comment on function ledger_private.verify_wallets(uuid) is
  'Findings in one wallet, or in all: the id derived from owner or account, the status what its newest event says, no part of the
house missing, the asset there, no event without its wallet.';

revoke all on function ledger_private.verify_wallets(uuid) from public;
grant execute on function ledger_private.verify_wallets(uuid) to wallet_auditor;
