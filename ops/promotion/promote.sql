-- On the standby, once the old primary cannot come back: it replays what it has, and takes writes.
select pg_promote(true, 60) as promoted;
-- It has no standby of its own yet. What it may have copied from the old primary would let every commit wait for one.
alter system reset synchronous_standby_names;
select pg_reload_conf() as reloaded;
