create or replace function ledger_private.feed_epoch_bytes(epoch ledger.feed_epochs)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'feed_epoch', int8send(epoch.epoch), int8send(epoch.system_identifier), timestamptz_send(epoch.started_at)
  ])
$$;

comment on function ledger_private.feed_epoch_bytes is
  'Every fact of an epoch of the feed as bytes, for its hash: see record_hash.';

grant execute on function ledger_private.feed_epoch_bytes to wallet_auditor;
