create or replace function ledger_private.unsealed_heads(start ledger_private.feed_place, until ledger_private.feed_place)
returns table (wallet_id uuid, seq bigint, sealed_seq bigint, hash bytea)
language sql
stable
as $$
  select h.wallet_id, h.seq, coalesce(s.seq, 0), e.hash
  from (
    select x.wallet_id, max(x.seq) as seq
    from ledger.transfers t
    cross join lateral (values (t.debit_wallet_id, t.debit_seq), (t.credit_wallet_id, t.credit_seq)) x (wallet_id, seq)
    where (t.xid, t.id) > (start.xid, start.id) and (t.xid, t.id) <= (until.xid, until.id) and x.wallet_id is not null
    group by x.wallet_id
  ) h
  left join lateral (
    select n.seq from ledger.seal_heads n where n.wallet_id = h.wallet_id order by n.seal_seq desc limit 1
  ) s on true
  join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
  -- An entry may be sealed before the one that it follows has come: the chain of hashes covers that.
  where h.seq > coalesce(s.seq, 0)
$$;

comment on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) is
$$The newest entry of each wallet among the transfers after one place of the feed and up to another, where it is not sealed yet; and which entry
was sealed last.$$;

revoke all on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) from public;
grant execute on function ledger_private.unsealed_heads(ledger_private.feed_place, ledger_private.feed_place) to wallet_auditor;
