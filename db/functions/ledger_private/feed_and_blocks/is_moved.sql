create or replace function ledger_private.is_moved()
returns boolean
language sql
stable
as $$
  select n.system_identifier is distinct from (select c.system_identifier from pg_control_system() c)
    -- No transaction that has ended here, and none of others that is seen, has such an id.
    or coalesce(t.xid >= h.next, false)
  from (select pg_snapshot_xmax(pg_current_snapshot()) as next, pg_current_xact_id_if_assigned() as own) h
  left join lateral (select e.* from ledger.feed_epochs e order by e.epoch desc limit 1) n on true
  left join lateral (
    select l.xid from ledger.entries l where l.actor is not null and l.xid is distinct from h.own
    order by l.xid desc, l.transfer_id desc limit 1
  ) t on true
$$;

comment on function ledger_private.is_moved is
$$Whether rows have come from elsewhere since the newest epoch began: it is of another cluster, or an entry is marked as
arrived (tg_entries__arrived) or names a transaction that has not begun.$$;

grant execute on function ledger_private.is_moved to wallet_service, wallet_operator, wallet_auditor, wallet_job;
