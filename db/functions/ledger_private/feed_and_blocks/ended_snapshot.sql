create or replace function ledger_private.ended_snapshot()
returns pg_snapshot
language sql
stable
as $$
  -- PostgreSQL does not list the own transaction, which sees what it wrote; where later ones have ended, it would count as ended too.
  select concat_ws(':', pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now), coalesce((
    select string_agg(o.xid::text, ',' order by o.xid)
    from (
      select pg_snapshot_xip(s.now) as xid
      union
      select s.own where s.own < pg_snapshot_xmax(s.now)
    ) o), ''))::pg_snapshot
  from (select pg_current_snapshot() as now, pg_current_xact_id_if_assigned() as own) s
$$;

comment on function ledger_private.ended_snapshot is
$$The snapshot of the statement that asks, with its own transaction among those that have not ended: what this writes may still be undone, and more
may come.$$;
