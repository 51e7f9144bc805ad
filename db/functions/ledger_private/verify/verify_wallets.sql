create or replace function ledger_private.verify_wallets(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select f.rule, w.id, null::bigint, null::uuid, f.detail
  from ledger.wallets w
  cross join lateral (
    select 'wallet_id', jsonb_build_object('owner_id', w.owner_id)
      where w.id is distinct from ledger.wallet_id(w.owner_id, w.asset_code)
    union all
    select 'wallet_status', jsonb_build_object('status', w.status, 'event', v.kind)
      from (select max(e.seq) as seq from ledger.wallet_events e where e.wallet_id = w.id) newest
      left join ledger.wallet_events v on v.wallet_id = w.id and v.seq = newest.seq
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
  ) as f (rule, detail)
  where w.id between first_id and last_id
  union all
  select 'wallet_reference', w.id, null, null, jsonb_build_object('asset_code', w.asset_code)
  from ledger.wallets w
  where w.id between first_id and last_id
    and not exists (select from ledger.assets a where a.code = w.asset_code)
  union all
  select 'wallet_reference', e.wallet_id, null, null, jsonb_build_object('event', e.seq)
  from ledger.wallet_events e
  where e.wallet_id between first_id and last_id and not exists (select from ledger.wallets w where w.id = e.wallet_id)
$$;

comment on function ledger_private.verify_wallets is
  'Findings in the wallets from one id to another: the id derived from the owner, the status what its newest event says, the asset
there, no event without its wallet.';

grant execute on function ledger_private.verify_wallets to wallet_auditor;
