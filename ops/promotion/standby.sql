-- On the primary, while it is well: whether commits wait for the standby ('sync'), and how far it is behind.
select application_name, state, sync_state, pg_size_pretty(pg_current_wal_flush_lsn() - flush_lsn) as not_received,
  pg_size_pretty(flush_lsn - replay_lsn) as not_replayed, current_setting('synchronous_standby_names') as waits_for
from pg_stat_replication
order by application_name;
