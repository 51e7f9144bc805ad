create or replace function ledger_private.write_block(block ledger.blocks, cut ledger_private.cut)
returns void
language plpgsql
volatile
as $$
begin
  perform set_config('ledger.posting', 'on', true);
  -- Above READ COMMITTED the last block may be one that is not seen: then this is 40001.
  insert into ledger.blocks select block.* on conflict on constraint blocks_pkey do nothing;
  insert into ledger.house_totals select t.* from unnest(cut.totals) t;
  insert into ledger.block_heads (wallet_id, block_seq, seq)
    select h.wallet_id, block.seq, h.seq from unnest(cut.wallet_ids, cut.seqs) h (wallet_id, seq);
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write_block is 'Writes a block, its totals and its leaves.';
