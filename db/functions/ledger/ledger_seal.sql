create or replace function ledger.ledger_seal(max_events int default 100000)
returns setof ledger.blocks
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_last ledger.blocks;
  v_block ledger.blocks;
  v_cut ledger_private.cut;
  v_chains ledger_private.record_chain[];
  v_ids uuid[];
  v_numbers bigint[];
  v_record_leaves bytea[];
begin
  if max_events is null or max_events not between 1 and 1000000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('max_events',
      'Ask for 1 to 1000000 events at a time.'));
  end if;
  v_block.epoch := ledger_private.feed_epoch();
  -- One at a time. Nobody else waits for this lock: postings know nothing of blocks, and reading goes on.
  lock table ledger.blocks in share row exclusive mode;
  select b.* into v_last from ledger.blocks b order by b.seq desc limit 1;
  v_block.seq := coalesce(v_last.seq, 0) + 1;
  v_block.sealed_at := clock_timestamp();
  -- After the instant: whoever has an earlier number may have booked before it, whoever has a later one has not.
  v_block.xid := pg_current_xact_id();
  select array_agg(r.chain order by r.chain, r.id), array_agg(r.id order by r.chain, r.id), array_agg(r.seq
    order by r.chain, r.id),
      array_agg(ledger_private.seal_leaf(r.id, r.seq, r.hash) order by r.chain, r.id)
    into v_chains, v_ids, v_numbers, v_record_leaves
    from ledger_private.unsealed_records(max_events) r;
  v_cut := ledger_private.cut(ledger_private.closed_snapshot(), v_last.final_until, v_block.seq);
  if v_cut.wallet_ids is null and v_ids is null then
    return;
  end if;
  v_block.entries := v_cut.entries;
  v_block.wallets := coalesce(cardinality(v_cut.wallet_ids), 0);
  v_block.root := ledger_private.merkle_root(v_cut.leaves || v_record_leaves);
  v_block.totals_hash := ledger_private.totals_hash(v_cut.totals);
  v_block.previous := v_last.hash;
  v_block.snapshot := v_cut.snapshot;
  -- Whoever books has a number before taking the time. So what was booked before a block was begun, transactions before
  -- the block's own wrote.
  v_block.final_until := greatest(
    (select b.sealed_at from ledger.blocks b
      where b.epoch = v_block.epoch and b.xid < pg_snapshot_xmin(v_cut.snapshot) order by b.seq desc limit 1),
    v_last.final_until, '-infinity');
  v_block.counted_until := greatest(v_cut.counted_until, v_last.counted_until, '-infinity');
  v_block.actor := ledger_private.actor();
  v_block.hash := ledger_private.seal_hash(v_block);
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the last block may be one that is not seen: then this is 40001.
  insert into ledger.blocks select v_block.* on conflict on constraint blocks_pkey do nothing;
  insert into ledger.house_totals select t.* from unnest(v_cut.totals) t;
  insert into ledger.block_heads (wallet_id, block_seq, seq)
    select h.wallet_id, v_block.seq, h.seq from unnest(v_cut.wallet_ids, v_cut.seqs) h (wallet_id, seq);
  insert into ledger.block_records (chain, id, block_seq, seq)
    select r.chain, r.id, v_block.seq, r.seq from unnest(v_chains, v_ids, v_numbers) r (chain, id, seq);
  delete from ledger_private.unsealed_events u
    using unnest(v_chains, v_ids, v_numbers) r (chain, id, seq)
    where r.chain = 'wallet' and u.wallet_id = r.id and u.seq <= r.seq;
  perform set_config('ledger.posting', '', true);
  return next v_block;
end
$$;

comment on function ledger.ledger_seal is
$$@behavior -*
Closes a block over what was committed since the last one: a Merkle tree over the newest entry of each wallet, whose
hash covers those before it, and over the newest of what is chained beside them (wallets and their events, assets and
their limits, verifications); the totals of the house's accounts; and a hash that covers all that and the block before.
No row where nothing is new. No posting waits for it, and it waits for none: what a transaction that is still open has
booked is left to a later block. Call it again, in a transaction of its own, until it returns nothing.

- maxEvents: how many events of wallets a block covers at most, 1 to 1000000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

grant execute on function ledger.ledger_seal to wallet_job;
