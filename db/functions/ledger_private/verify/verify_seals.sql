create or replace function ledger_private.verify_seals()
returns setof ledger.finding
language sql
stable
as $$
  -- Each seal is the one after the last, and its hash covers all that it says.
  select 'seal_chain', null::uuid, null::bigint, null::uuid,
      jsonb_build_object('seal', s.seq, 'place', s.place, 'previous', s.previous, 'expected', s.expected)
    from (
      select n.*, row_number() over w as place, lag(n.hash) over w as expected, ledger_private.seal_hash(n) as computed
        from ledger.blocks n window w as (order by n.seq)
    ) s
    where s.seq <> s.place or s.previous is distinct from s.expected or s.hash is distinct from s.computed
      or not pg_input_is_valid(s.snapshot, 'pg_snapshot')
  union all
  -- The root, and the counts, come out again from the rows that are there now: entries first, then what is chained
  -- beside them.
  select 'seal_root', null, null, null,
      jsonb_build_object('seal', s.seq, 'root', s.root, 'expected', ledger_private.merkle_root(b.leaves || r.leaves),
        'entries', s.entries, 'expected_entries', b.entries)
    from ledger.blocks s
    left join lateral (
      select array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) as leaves,
          count(*) as wallets, coalesce(sum(h.seq - h.before), 0) as entries
        from (
          select n.wallet_id, n.seq, coalesce((select p.seq from ledger.block_heads p
              where p.wallet_id = n.wallet_id and p.block_seq < n.block_seq
              order by p.block_seq desc limit 1), 0) as before
            from ledger.block_heads n where n.block_seq = s.seq
        ) h
        join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    ) b on true
    left join (
      select n.block_seq, array_agg(ledger_private.seal_leaf(n.id, n.seq, r.hash) order by n.chain, n.id) as leaves
        from ledger.block_records n
        join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
        group by n.block_seq
    ) r on r.block_seq = s.seq
    where s.root is distinct from ledger_private.merkle_root(b.leaves || r.leaves) or s.wallets <> b.wallets
      or s.entries is distinct from b.entries
  union all
  -- What was sealed is still there.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('seal', h.block_seq, 'found', e.seq is not null)
    from ledger.block_heads h
    left join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    left join ledger.blocks s on s.seq = h.block_seq
    where e.seq is null or s.seq is null
  union all
  select 'seal_record', case n.chain when 'wallet' then n.id end, null, null,
      jsonb_build_object('seal', n.block_seq, 'chain', n.chain, 'number', n.seq, 'found', r.seq is not null)
    from ledger.block_records n
    left join ledger_private.records() r on r.chain = n.chain and r.id = n.id and r.seq = n.seq
    left join ledger.blocks s on s.seq = n.block_seq
    where r.seq is null or s.seq is null
  union all
  select 'seal_chain', null, null, null, jsonb_build_object('block', s.seq, 'totals_hash', encode(s.totals_hash, 'hex'))
    from ledger.blocks s
    where s.totals_hash is distinct from ledger_private.totals_hash(
      array(select t from ledger.house_totals t where t.block_seq = s.seq))
$$;

comment on function ledger_private.verify_seals is
  'Findings about seals: their chain, the trees that they are roots of, and whether all that was sealed is there.';

grant execute on function ledger_private.verify_seals to wallet_auditor;
