create or replace function ledger_private.final_until(snapshot pg_snapshot, epoch bigint)
returns timestamptz
language sql
stable
as $$
  -- Whoever books has a number before taking the time. So what was booked before a block was begun, transactions before the block's own wrote.
  select greatest(
    (select b.sealed_at from ledger.blocks b
      where b.epoch = final_until.epoch and b.xid < pg_snapshot_xmin(final_until.snapshot) order by b.seq desc limit 1),
    (select b.final_until from ledger.blocks b order by b.seq desc limit 1),
    '-infinity')
$$;

comment on function ledger_private.final_until is
$$Until when figures are final, as of a snapshot of this epoch: since no transaction is open any more that could have booked before. The instants
are those at which blocks were begun.$$;
