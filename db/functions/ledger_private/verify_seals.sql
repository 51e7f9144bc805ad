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
        from ledger.seals n window w as (order by n.seq)
    ) s
    where s.seq <> s.place or s.previous is distinct from s.expected or s.hash is distinct from s.computed
  union all
  -- The root, and the counts, come out again from the entries that are there now.
  select 'seal_root', null, null, null,
      jsonb_build_object('seal', s.seq, 'root', s.root, 'expected', b.root, 'entries', s.entries, 'expected_entries', b.entries)
    from ledger.seals s
    left join lateral (
      select ledger_private.merkle_root(array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id)) as root,
          count(*) as wallets, sum(h.seq - h.before) as entries
        from (
          select n.wallet_id, n.seq, coalesce((select p.seq from ledger.seal_heads p
              where p.wallet_id = n.wallet_id and p.seal_seq < n.seal_seq order by p.seal_seq desc limit 1), 0) as before
            from ledger.seal_heads n where n.seal_seq = s.seq
        ) h
        join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    ) b on true
    where s.root is distinct from b.root or s.wallets <> b.wallets or s.entries is distinct from b.entries
  union all
  -- What was sealed is still there.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('seal', h.seal_seq, 'found', e.seq is not null)
    from ledger.seal_heads h
    left join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    left join ledger.seals s on s.seq = h.seal_seq
    where e.seq is null or s.seq is null
  union all
  -- And what is before the last horizon was sealed.
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('sealed_seq', h.sealed_seq::text)
    from (select (select max(e.epoch) from ledger.feed_epochs e) as epoch) n
    cross join lateral ledger_private.seal_start(n.epoch) p
    cross join lateral ledger_private.unsealed_heads(row('0'::xid8, '00000000-0000-0000-0000-000000000000')::ledger_private.feed_place, p) h
$$;

comment on function ledger_private.verify_seals() is
  'Findings about seals: their chain, the trees that they are roots of, and whether all that was to be sealed was.';

revoke all on function ledger_private.verify_seals() from public;
grant execute on function ledger_private.verify_seals() to wallet_auditor;
