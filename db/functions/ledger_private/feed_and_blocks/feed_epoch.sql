create or replace function ledger_private.feed_epoch()
returns int
language plpgsql
stable
as $$
begin
  if ledger_private.is_moved() then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the ledger was moved here, and its feed has no epoch here yet',
      hint = 'Run npm run migrate, which begins one.';
  end if;
  return (select max(e.epoch) from ledger.feed_epochs e);
end
$$;

comment on function ledger_private.feed_epoch is
  'The epoch in which the feed is to be read. Refuses (55000) where the ledger was moved here and has none yet.';

grant execute on function ledger_private.feed_epoch to wallet_service, wallet_operator, wallet_auditor, wallet_job;
