create or replace function ledger_private.begin_epoch()
returns boolean
language plpgsql
volatile
as $$
declare
  v_epoch ledger.feed_epochs;
  -- The last block may name a transaction that has not begun, although no entry does.
  v_sealed_elsewhere boolean := coalesce((
    select pg_snapshot_xmax(s.snapshot::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()) from ledger.blocks s
    where s.epoch = (select max(e.epoch) from ledger.feed_epochs e)
    order by s.seq desc limit 1), false);
begin
  if not ledger_private.is_moved() and not v_sealed_elsewhere then
    return false;
  end if;
  -- Nobody posts or reads meanwhile; of two callers the second finds it done.
  lock table ledger.entries in access exclusive mode;
  if not ledger_private.is_moved() and not v_sealed_elsewhere then
    return false;
  end if;
  if exists (select from ledger.entries e where e.xid > '0') then
    -- A rewrite, no update: the entries stay what they are.
    execute 'alter table ledger.entries alter column xid type xid8
      using ledger_private.place_of_old(wallet_id, seq)';
  end if;
  -- Also where the epochs were left behind, no number comes again that a block names.
  v_epoch.epoch := 1 + greatest(
    (select max(e.epoch) from ledger.feed_epochs e), (select max(s.epoch) from ledger.blocks s), 0);
  v_epoch.system_identifier := (select c.system_identifier from pg_control_system() c);
  v_epoch.started_at := clock_timestamp();
  v_epoch.hash := ledger_private.record_hash(
    (select e.hash from ledger.feed_epochs e order by e.epoch desc limit 1), ledger_private.feed_epoch_bytes(v_epoch));
  perform set_config('ledger.posting', 'on', true);
  insert into ledger.feed_epochs select v_epoch.*;
  -- Where the blocks were left behind, all events of wallets are to be sealed anew.
  insert into ledger_private.unsealed_events (wallet_id, seq)
    select v.wallet_id, v.seq from ledger.wallet_events v
    where v.seq > coalesce((
      select max(n.seq) from ledger.block_records n where n.chain = 'wallet' and n.id = v.wallet_id), 0)
    on conflict do nothing;
  perform set_config('ledger.posting', '', true);
  return true;
end
$$;

comment on function ledger_private.begin_epoch is
$$Begins a new epoch of the feed where the ledger was moved here (see is_moved): the ids of transactions stored with
entries mean nothing here. All entries until now become of two transactions of old, what blocks close and what not, each
in the order of ids; events of wallets that no block closes are listed. Returns whether there was need to. For the
owner.$$;
