create or replace function ledger_private.movements_of_block(block_seq bigint)
returns setof ledger.entries
language sql
stable
as $$
  select e.*
  from ledger.block_heads h
  left join lateral (
    select p.seq from ledger.block_heads p
    where p.wallet_id = h.wallet_id and p.block_seq < h.block_seq
    order by p.block_seq desc limit 1
  ) before on true
  join ledger.entries e on e.wallet_id = h.wallet_id and e.seq > coalesce(before.seq, 0) and e.seq <= h.seq
  where h.block_seq = movements_of_block.block_seq and e.amount > 0
    and (e.actor is not null
      or exists (select from ledger_private.node_ranges) and ledger_private.is_from_elsewhere(e))
$$;

comment on function ledger_private.movements_of_block is
$$What a block closed and what moved something, by the entries that count: acting ones, and what was received from
elsewhere.$$;

grant execute on function ledger_private.movements_of_block to wallet_operator, wallet_auditor;
