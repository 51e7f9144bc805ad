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
        else w.stripe < 32 and w.stripe <> ledger.wallet_stripe(w.id) end
    union all
    select 'wallet_status', jsonb_build_object('status', w.status, 'event', v.kind)
      from (select max(e.id::text)::uuid as id from ledger.wallet_events e where e.wallet_id = w.id) newest
      left join ledger.wallet_events v on v.wallet_id = w.id and v.id = newest.id
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
  ) as f (rule, detail)
  where verify_wallets.wallet_id is null or w.id = verify_wallets.wallet_id
$$;

comment on function ledger_private.verify_wallets(uuid) is
  'Findings in one wallet, or in all: the id derived from the owner, the status what its newest event says.';

revoke all on function ledger_private.verify_wallets(uuid) from public;
grant execute on function ledger_private.verify_wallets(uuid) to wallet_auditor;
