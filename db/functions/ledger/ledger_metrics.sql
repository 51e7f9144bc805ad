create or replace function ledger.ledger_metrics()
returns setof ledger.metric
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  with place as (
    select pg_snapshot_xmin(pg_current_snapshot()) as horizon, pg_snapshot_xmax(pg_current_snapshot()) as next
  ), moments (name, since) as (
    -- Wallets that fail are counted below: they would hide that nobody books the others.
    select 'oldest_due_seconds', least(
        (select h.expires_at from ledger_private.open_holds h
          where not exists (select from ledger_private.unsettled_wallets u where u.wallet_id = h.wallet_id)
          order by h.expires_at limit 1),
        (select l.due_at from ledger_private.open_lots l
          where not exists (select from ledger_private.unsettled_wallets u where u.wallet_id = l.wallet_id)
          order by l.due_at limit 1))
    union all
    select 'last_clean_verify_seconds', (select max(v.finished_at) from ledger.verifications v where v.findings = 0)
    union all
    select 'last_seal_seconds', (select s.sealed_at from ledger.blocks s order by s.seq desc limit 1)
    union all
    -- The places are sub-selects, so that the index is looked up and not read.
    select 'unsealed_seconds', least(
        (select e.created_at from ledger.entries e
          where e.actor is not null and e.xid >= (select pg_snapshot_xmax(ledger_private.closed_snapshot()))
          order by e.xid, e.transfer_id limit 1),
        (select min(e.created_at) from ledger.entries e
          where e.actor is not null and e.xid = any (array(select pg_snapshot_xip(ledger_private.closed_snapshot())))))
    union all
    select 'feed_lag_seconds', (select e.created_at from ledger.entries e
      where e.actor is not null and e.xid >= (select p.horizon from place p) order by e.xid, e.transfer_id limit 1)
  ), waits as (
    select count(*) as number, min(l.waitstart) as since
      from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where not l.granted and a.datname = current_database()
  )
  select m.name, '{}'::jsonb,
      greatest(coalesce(extract(epoch from clock_timestamp() - m.since), 0), 0)::double precision
    from moments m
    -- What has never been has no age; nothing due, unsealed or held back is as good as fresh.
    where m.since is not null or m.name not like 'last%'
  union all
  select 'unsettled_wallets', '{}', count(*) from ledger_private.unsettled_wallets
  union all
  select 'lock_waits', '{}', number from waits
  union all
  select 'lock_wait_seconds', '{}', greatest(coalesce(extract(epoch from clock_timestamp() - since), 0), 0) from waits
  union all
  select 'horizon_age_transactions', '{}', (p.next::text::numeric - p.horizon::text::numeric)::double precision
    from place p
$$;

comment on function ledger.ledger_metrics is
$$@behavior -*
Figures for monitoring, each cheap to get: how long what is due has been due (oldest_due_seconds, without the wallets
that could not be settled), how many wallets could not be settled when it was last tried (unsettled_wallets), the age of
the last verification without findings and of the last seal (last_clean_verify_seconds, last_seal_seconds; no row where
there has been none), how long the oldest entry that is not sealed has been there (unsealed_seconds), how far the feed
is behind (feed_lag_seconds), how many sessions wait for a lock and how long the first has waited (lock_waits,
lock_wait_seconds), and how many transactions have begun since the oldest that is open (horizon_age_transactions).$$;

grant execute on function ledger.ledger_metrics to wallet_auditor, wallet_gateway;
