create or replace function ledger_private.tg_entries__arrived()
returns trigger
language plpgsql
as $$
begin
  -- The last transaction there can be: nothing that is booked here comes after it, so that the feed cannot overlook it.
  NEW.xid := '18446744073709551615';
  return NEW;
end
$$;

comment on function ledger_private.tg_entries__arrived is
  'Marks an entry that replication brings, or a restore in its name. begin_epoch() gives it a place in the feed.';
