create or replace function ledger_private.rows_since(snapshot pg_snapshot)
returns setof ledger.entries
language sql
stable
as $$
  select e.* from ledger.entries e where e.actor is not null and e.xid >= coalesce(pg_snapshot_xmax(snapshot), '0')
  union all
  -- A range for each. In a ledger that was moved, nearly all entries have one number: asked for equal ones, the planner
  -- would expect to find all, and read all.
  select o.* from pg_snapshot_xip(snapshot) x (xid)
  cross join lateral (
    select e.* from ledger.entries e where e.actor is not null and e.xid >= x.xid and e.xid <= x.xid offset 0
  ) o
  union all
  -- What was received from wallets of other databases came with them: it is of old, and the first block of an epoch
  -- closes it.
  select r.* from ledger_private.received_from_elsewhere() r
  where coalesce(pg_snapshot_xmax(snapshot), '0') <= '1' and r.xid >= coalesce(pg_snapshot_xmax(snapshot), '0')
$$;

comment on function ledger_private.rows_since is
$$The movements of transactions that had not ended by a snapshot, those that were under way then and those that began
later, by the entries that count: acting ones, and what was received from elsewhere. All of them without a snapshot.$$;

grant execute on function ledger_private.rows_since to wallet_operator, wallet_auditor;
