create or replace function ledger_private.closed_snapshot()
returns pg_snapshot
language sql
stable
as $$
  -- Of the entries that a new epoch began with, those that blocks close have the transaction 0, the others 1.
  select case when b.epoch = (select max(e.epoch) from ledger.feed_epochs e) then b.snapshot::pg_snapshot
    else '1:1:' end
  from (select) always
  left join lateral (select n.epoch, n.snapshot from ledger.blocks n order by n.seq desc limit 1) b on true
$$;

comment on function ledger_private.closed_snapshot is
  'What the blocks have closed: what transactions wrote that had ended by this snapshot of this epoch, nothing else.';

grant execute on function ledger_private.closed_snapshot to wallet_operator, wallet_auditor;
