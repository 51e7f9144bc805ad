create or replace function ledger_private.journal_of_block(block_seq bigint, is_closed boolean)
returns setof ledger_private.journal_movement
language sql
stable
-- ledger_journal, which sends its lines while it reads, is planned in the caller's session.
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  select greatest(e.created_at, b.final_until), e.created_at, e.transfer_id, e.kind, w.asset_code, a.debit, a.credit,
    ledger.entries_side(e), e.wallet_id, e.to_wallet, e.amount, e.bonus_amount, e.reverses, e.idem_key, e.actor
  from (
    select (select p.final_until from ledger.blocks p where p.seq = journal_of_block.block_seq - 1) as final_until
  ) b
  cross join lateral (
    select m.* from ledger_private.movements_of_block(journal_of_block.block_seq) m where journal_of_block.is_closed
    union all
    select o.* from ledger_private.rows_since((select ledger_private.closed_snapshot())) o
    where not journal_of_block.is_closed and o.amount > 0
  ) e
  -- One look-up for each: joined, all wallets may be read.
  cross join lateral (select o.asset_code from ledger.wallets o where o.id = e.wallet_id limit 1) w
  cross join lateral ledger_private.accounts_here(e) a
$$;

comment on function ledger_private.journal_of_block is
$$The movements of a block; or of the next one, which is not closed yet, as far as they are committed: what moved
something, and when it counts.$$;

grant execute on function ledger_private.journal_of_block to wallet_operator, wallet_auditor;
