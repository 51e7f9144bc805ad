-- On the new primary, once its new standby streams: from now on an answer means that both have it.
alter system set synchronous_standby_names = 'standby';
select pg_reload_conf() as reloaded;
