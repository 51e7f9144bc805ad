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
      from (select) one
      left join lateral (
        -- As texts: a new kind cannot be named in the transaction that brings it.
        select e.kind from ledger.wallet_events e
          where e.wallet_id = w.id and e.kind::text in ('opened', 'frozen', 'closed', 'reopened')
          order by e.seq desc limit 1
      ) v on true
      where (case v.kind when 'opened' then 'open' when 'reopened' then 'open' else v.kind::text end)
        is distinct from w.status::text
    union all
    select 'wallet_limits', jsonb_build_object('own_limits', w.own_limits, 'event', l.seq)
      from (select) one
      left join lateral (
        select n.* from ledger.wallet_limits n where n.wallet_id = w.id order by n.seq desc limit 1
      ) l on true
      where w.own_limits is distinct from case
        when num_nonnulls(l.max_spend, l.max_balance, l.max_daily_top_up, l.max_daily_bonus, l.max_daily_spend,
          l.max_transfer, l.max_daily_transfer) > 0 then l.seq end
    union all
    -- What was merged points to where its newest entry says. (The other way round, is_merged() proves it.)
    select 'wallet_merged', jsonb_build_object('merged_into', w.merged_into, 'status', w.status)
      where w.merged_into is not null and (w.status <> 'closed' or not exists (
        select from ledger_private.head(w.id) e
        where e.kind = 'merge' and e.actor is not null and e.to_wallet = w.merged_into))
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
  select 'wallet_limits', coalesce(v.wallet_id, l.wallet_id), null, null,
    jsonb_build_object('event', coalesce(v.seq, l.seq), 'set', l.wallet_id is not null)
  from (
    select e.wallet_id, e.seq, e.facts_hash from ledger.wallet_events e
      where e.wallet_id between first_id and last_id and e.kind::text = 'limited'
  ) v
  full join (
    select n.wallet_id, n.seq, sha256(ledger_private.wallet_limit_bytes(n)) as hash from ledger.wallet_limits n
      where n.wallet_id between first_id and last_id
  ) l on l.wallet_id = v.wallet_id and l.seq = v.seq
  where v.facts_hash = l.hash is not true
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
$$Findings in wallets and their events: the id derived from the owner, status and limits those of the newest events
about them, a merged one closed and pointing to its successor, asset and wallet there, events numbered without
gaps, each hash over the event and the one before (the first: the wallet), and over the limits that it set.$$;

grant execute on function ledger_private.verify_wallets to wallet_auditor;
