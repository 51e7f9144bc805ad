create or replace function ledger_private.tg_feed_epochs__arrived()
returns trigger
language plpgsql
as $$
begin
  -- Guards do not fire in a session that replicates. Later epochs stay where they came in the same copy.
  delete from ledger.feed_epochs e where e.epoch = NEW.epoch or e.epoch > NEW.epoch
    and e.xmin <> pg_current_xact_id()::xid;
  return NEW;
end
$$;

comment on function ledger_private.tg_feed_epochs__arrived is
  'Lets the epochs that replication brings take the place of those that migrating the empty database began.';
