create or replace function ledger_private.successors(wallet_id uuid)
returns table (wallet_id uuid, place int, seq bigint)
language sql
stable
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
  with recursive chain as (
    select w.id, w.merged_into, 1 as place, null::bigint as seq from ledger.wallets w where w.id = successors.wallet_id
    union all
    -- A merge is the last entry of its wallet.
    select w.id, w.merged_into, c.place + 1, (select e.to_seq from ledger_private.head(c.id) e where e.kind = 'merge')
    from chain c
    join ledger.wallets w on w.id = c.merged_into
  ) cycle id set is_cycle using path
  select c.id, c.place, c.seq from chain c where not c.is_cycle
$$;

comment on function ledger_private.successors is
$$A wallet, and those that it was merged into, one after the other, each with the number of its entry by which all
arrived there.$$;

grant execute on function ledger_private.successors to wallet_auditor;
