create or replace function ledger_private.begin_epoch()
returns boolean
language plpgsql
volatile
as $$
declare
  v_identifier bigint := (select c.system_identifier from pg_control_system() c);
  v_newest ledger.feed_epochs;
begin
  select e.* into v_newest from ledger.feed_epochs e order by e.epoch desc limit 1;
  if v_newest.system_identifier = v_identifier then
    return false;
  end if;
  -- Nobody posts or reads meanwhile; of two callers the second finds it done.
  lock table ledger.transfers in access exclusive mode;
  select e.* into v_newest from ledger.feed_epochs e order by e.epoch desc limit 1;
  if v_newest.system_identifier = v_identifier then
    return false;
  end if;
  if exists (select from ledger.transfers t where t.xid > '0') then
    -- A rewrite, no update: the rows say the same as before, all as one transaction that ended long ago.
    alter table ledger.transfers alter column xid type xid8 using '0'::xid8;
  end if;
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.feed_epochs (epoch, system_identifier) values (coalesce(v_newest.epoch, 0) + 1, v_identifier);
  perform set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.begin_epoch() is
$$Begins a new epoch of the feed where the database has come into another cluster, in which the ids of transactions stored with transfers mean
nothing: all transfers until now become one transaction of old, in the order of their ids. Returns whether there was need to. For the owner.$$;

revoke all on function ledger_private.begin_epoch() from public;
