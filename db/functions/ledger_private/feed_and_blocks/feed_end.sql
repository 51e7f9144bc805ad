create or replace function ledger_private.feed_end()
returns text
language sql
stable
as $$
  select e.epoch || '.' || t.xid || '.' || t.id
    -- Asked even where there is no transfer, so that it refuses.
    from (select ledger_private.feed_epoch() as epoch) e
    left join lateral (
      select n.xid, n.transfer_id as id
      from ledger.entries n
      where n.actor is not null and n.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by n.xid desc, n.transfer_id desc
      limit 1
    ) t on true
$$;

comment on function ledger_private.feed_end is
  'The cursor of the last event that ledger_events() has now, found without reading the others; null where there is none. Refuses as
feed_epoch() does.';

grant execute on function ledger_private.feed_end to wallet_job;
