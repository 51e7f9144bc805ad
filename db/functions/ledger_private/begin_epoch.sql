create or replace function ledger_private.begin_epoch()
returns boolean
language plpgsql
volatile
as $$
declare
  v_identifier bigint := (select c.system_identifier from pg_control_system() c);
  v_newest ledger.feed_epochs;
  v_start ledger_private.feed_place;
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
    -- A rewrite, no update: the movements stay what they are. Those sealed become one transaction of old, the others a second.
    v_start := ledger_private.seal_start(v_newest.epoch);
    execute format('alter table ledger.transfers alter column xid type xid8
      using (case when (xid, id) <= (%L::xid8, %L::uuid) then ''0'' else ''1'' end)::xid8', v_start.xid, v_start.id);
  end if;
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.feed_epochs (epoch, system_identifier) values (coalesce(v_newest.epoch, 0) + 1, v_identifier);
  perform set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.begin_epoch() is
$$Begins a new epoch of the feed where the database has come into another cluster, in which the ids of transactions stored with transfers mean
nothing. All transfers until now become two transactions of old, what is sealed and what is not, each in the order of ids. Returns whether there
was need to. For the owner.$$;

revoke all on function ledger_private.begin_epoch() from public;
