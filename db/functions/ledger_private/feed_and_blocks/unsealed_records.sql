create or replace function ledger_private.unsealed_records(max_records int)
returns table (chain ledger_private.record_chain, id uuid, seq bigint, hash bytea)
language sql
stable
as $$
  select 'wallet'::ledger_private.record_chain, h.wallet_id, h.seq::bigint, v.hash
  from (
    select u.wallet_id, max(u.seq) as seq
    from (select n.* from ledger_private.unsealed_events n order by n.wallet_id, n.seq limit max_records) u
    group by u.wallet_id
  ) h
  join ledger.wallet_events v on v.wallet_id = h.wallet_id and v.seq = h.seq
  union all
  -- The other chains are few: the newest row of each is compared with what was sealed of it.
  select h.chain, h.id, h.seq, h.hash
  from (
    select 'asset'::ledger_private.record_chain as chain, ledger_private.asset_id(a.code) as id,
      coalesce(l.seq, 0)::bigint as seq, coalesce(l.hash, a.hash) as hash
    from ledger.assets a
    left join lateral (select n.seq, n.hash from ledger.asset_limits n where n.asset_code = a.code
      order by n.seq desc limit 1) l on true
    union all
    (select 'verifications', '00000000-0000-0000-0000-000000000000', v.seq, v.hash from ledger.verifications v
      order by v.seq desc limit 1)
  ) h
  where h.seq > coalesce(
    (select s.seq from ledger.block_records s where s.chain = h.chain and s.id = h.id
      order by s.block_seq desc limit 1), -1)
$$;

comment on function ledger_private.unsealed_records is
  'The newest row of each chain beside the entries that is not sealed yet; of the wallets no more than so many events.';
