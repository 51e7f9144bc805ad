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
    union all
    select 'wallet_reference', jsonb_build_object('asset_code', w.asset_code)
      where not exists (select from ledger.assets a where a.code = w.asset_code)
  ) as f (rule, detail)
  where w.id between first_id and last_id
  union all
  select 'wallet_reference', e.wallet_id, null, null, jsonb_build_object('event', e.seq)
  from ledger.wallet_events e
  where e.wallet_id between first_id and last_id and not exists (select from ledger.wallets w where w.id = e.wallet_id)
  union all
  select 'record_chain', c.wallet_id, null, null, jsonb_build_object('table', 'wallet_events', 'number', c.seq,
    'place', c.place)
  from (
    select v.wallet_id, v.seq, v.hash, lag(v.hash) over wallet as previous,
      ledger_private.wallet_event_bytes(v) as bytes, row_number() over wallet as place,
      case when v.seq = 1 then ledger_private.record_hash(null, ledger_private.wallet_bytes(w)) end as start
    from ledger.wallet_events v
    left join ledger.wallets w on w.id = v.wallet_id
    where v.wallet_id between first_id and last_id
    window wallet as (partition by v.wallet_id order by v.seq)
  ) c
  where c.seq <> c.place or c.hash is distinct from ledger_private.record_hash(coalesce(c.previous, c.start), c.bytes)
$$;

comment on function ledger_private.verify_wallets is
$$Findings in wallets and their events: the id derived from the owner, the status that of the newest event, asset and
wallet there, events numbered without gaps, each hash over the event and the one before (the first: the wallet).$$;

grant execute on function ledger_private.verify_wallets to wallet_auditor;
