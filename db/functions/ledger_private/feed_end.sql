create or replace function ledger_private.feed_end()
returns text
language sql
stable
as $$
  select ledger_private.feed_epoch() || '.' || t.xid || '.' || t.id
    from ledger.transfers t
    where t.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by t.xid desc, t.id desc
    limit 1
$$;

comment on function ledger_private.feed_end() is
  'The cursor of the last event that ledger_events() has now, found without reading the others; null where there is none.';

revoke all on function ledger_private.feed_end() from public;
grant execute on function ledger_private.feed_end() to wallet_job;
