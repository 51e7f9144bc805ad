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
begin
  if max_transfers is null or max_transfers not between 1 and 1000000 then
    perform ledger_private.refuse_argument('max_transfers', 'Ask for 1 to 1000000 transfers at a time.');
  end if;
  -- One at a time. Nobody else waits for this lock: postings know nothing of seals, and reading goes on.
  lock table ledger.seals in share row exclusive mode;
  select s.* into v_last from ledger.seals s order by s.seq desc limit 1;
  v_start := ledger_private.seal_start(v_epoch);
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
    exit when v_wallets is not null;
    if v_until.xid = v_horizon then
      return;
    end if;
    v_start := v_until;
  end loop;

  v_seal.seq := coalesce(v_last.seq, 0) + 1;
  v_seal.wallets := cardinality(v_wallets);
  v_seal.root := ledger_private.merkle_root(v_leaves);
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
  perform set_config('ledger.posting', '', true);
  return next v_seal;
end
$$;

comment on function ledger.ledger_seal(int) is
$$@behavior -*
Closes a block over the entries committed since the last seal: a Merkle tree over the newest entry of each wallet, whose hash covers those
before it, and a seal that covers the tree and the seal before. No row where nothing is new. No posting waits for it, and it waits for none: entries
whose transaction began after one that is still open are left to the next seal. Call it again, in a transaction of its own, until it returns nothing.

- maxTransfers: how many transfers a block covers at most, 1 to 1000000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.ledger_seal(int) from public;
grant execute on function ledger.ledger_seal(int) to wallet_job;
