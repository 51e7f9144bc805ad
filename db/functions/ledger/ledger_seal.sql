create or replace function ledger.ledger_seal(max_transfers int default 100000)
returns setof ledger.seals
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  c_nil constant uuid := '00000000-0000-0000-0000-000000000000';
  v_epoch int := ledger_private.feed_epoch();
  v_last ledger.seals;
  v_start ledger_private.feed_place;
  v_until ledger_private.feed_place;
  v_horizon xid8;
  v_seal ledger.seals;
  v_wallets uuid[];
  v_seqs bigint[];
  v_leaves bytea[];
  v_chains ledger_private.record_chain[];
  v_ids uuid[];
  v_numbers bigint[];
  v_record_leaves bytea[];
begin
  if max_transfers is null or max_transfers not between 1 and 1000000 then
    perform ledger_private.refuse_argument('max_transfers', 'Ask for 1 to 1000000 transfers at a time.');
  end if;
  -- One at a time. Nobody else waits for this lock: postings know nothing of seals, and reading goes on.
  lock table ledger.seals in share row exclusive mode;
  select s.* into v_last from ledger.seals s order by s.seq desc limit 1;
  v_start := ledger_private.seal_start(v_epoch);
  select array_agg(r.chain order by r.chain, r.id), array_agg(r.id order by r.chain, r.id), array_agg(r.seq order by r.chain, r.id),
      array_agg(ledger_private.seal_leaf(r.id, r.seq, r.hash) order by r.chain, r.id)
    into v_chains, v_ids, v_numbers, v_record_leaves
    from ledger_private.unsealed_records(max_transfers) r;
  -- What began before this has ended, and the next statement sees it: no block leaves out what is committed late.
  v_horizon := pg_snapshot_xmin(pg_current_snapshot());
  loop
    select t.xid, t.id into v_until
      from ledger.transfers t
      where (t.xid, t.id) > (v_start.xid, v_start.id) and t.xid < v_horizon
      order by t.xid, t.id
      offset max_transfers - 1
      limit 1;
    if not found then
      v_until := row(v_horizon, c_nil);
    end if;
    select array_agg(h.wallet_id order by h.wallet_id), array_agg(h.seq order by h.wallet_id), sum(h.seq - h.sealed_seq),
        array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, h.hash) order by h.wallet_id)
      into v_wallets, v_seqs, v_seal.entries, v_leaves
      from ledger_private.unsealed_heads(v_start, v_until) h;
    exit when v_wallets is not null or v_until.xid = v_horizon;
    v_start := v_until;
  end loop;

  if v_wallets is null and v_ids is null then
    return;
  end if;
  v_seal.seq := coalesce(v_last.seq, 0) + 1;
  v_seal.entries := coalesce(v_seal.entries, 0);
  v_seal.wallets := coalesce(cardinality(v_wallets), 0);
  v_seal.root := ledger_private.merkle_root(v_leaves || v_record_leaves);
  v_seal.previous := v_last.hash;
  v_seal.horizon := v_until.xid;
  v_seal.horizon_id := v_until.id;
  v_seal.epoch := v_epoch;
  v_seal.sealed_at := clock_timestamp();
  v_seal.actor := ledger_private.actor();
  v_seal.hash := ledger_private.seal_hash(v_seal);
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the last seal may be one that is not seen: then this is 40001.
  insert into ledger.seals select v_seal.* on conflict on constraint seals_pkey do nothing;
  insert into ledger.seal_heads (wallet_id, seal_seq, seq)
    select h.wallet_id, v_seal.seq, h.seq from unnest(v_wallets, v_seqs) h (wallet_id, seq);
  insert into ledger.seal_records (chain, id, seal_seq, seq)
    select r.chain, r.id, v_seal.seq, r.seq from unnest(v_chains, v_ids, v_numbers) r (chain, id, seq);
  delete from ledger_private.unsealed_events u
    using unnest(v_chains, v_ids, v_numbers) r (chain, id, seq)
    where r.chain = 'wallet' and u.wallet_id = r.id and u.seq <= r.seq;
  perform set_config('ledger.posting', '', true);
  return next v_seal;
end
$$;

comment on function ledger.ledger_seal(int) is
$$@behavior -*
Closes a block over the entries committed since the last seal: a Merkle tree over the newest entry of each wallet, whose hash covers those
before it, and over the newest of what is chained beside them (wallets and their events, assets and their limits, verifications), and a seal that
covers the tree and the seal before. No row where nothing is new. No posting waits for it, and it waits for none: entries
whose transaction began after one that is still open are left to the next seal. Call it again, in a transaction of its own, until it returns nothing.

- maxTransfers: how many transfers, and how many events of wallets, a block covers at most, 1 to 1000000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_seal(int) from public;
grant execute on function ledger.ledger_seal(int) to wallet_job;
