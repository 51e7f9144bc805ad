create or replace function ledger_private.rows_since(snapshot pg_snapshot)
returns setof ledger.entries
language sql
stable
as $$
  select e.* from ledger.entries e where e.actor is not null and e.xid >= coalesce(pg_snapshot_xmax(snapshot), '0')
  union all
  select e.* from ledger.entries e where e.actor is not null and e.xid = any (array(select pg_snapshot_xip(snapshot)))
$$;

comment on function ledger_private.rows_since(pg_snapshot) is
$$The acting entries of transactions that had not ended by a snapshot: those that were under way then, and those that began later. All of them without a
snapshot.$$;

revoke all on function ledger_private.rows_since(pg_snapshot) from public;
grant execute on function ledger_private.rows_since(pg_snapshot) to wallet_auditor;
