create or replace function ledger_private.feed_epoch()
returns int
language plpgsql
stable
as $$
declare
  v_epoch ledger.feed_epochs;
begin
  select e.* into v_epoch from ledger.feed_epochs e order by e.epoch desc limit 1;
  -- The ids of transactions mean nothing in another cluster.
  if v_epoch.system_identifier is distinct from (select c.system_identifier from pg_control_system() c) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the ledger was restored into another cluster and has no epoch there',
      hint = 'Run npm run migrate, which begins one.';
  end if;
  return v_epoch.epoch;
end
$$;

comment on function ledger_private.feed_epoch() is
  'The epoch in which the positions of transfers are to be read. Refuses (55000) where the database was restored and has none yet.';

revoke all on function ledger_private.feed_epoch() from public;
grant execute on function ledger_private.feed_epoch() to wallet_service, wallet_operator, wallet_auditor, wallet_job;
