create or replace function ledger_private.cut(since pg_snapshot, final_until timestamptz, block_seq bigint)
returns ledger_private.cut
language sql
volatile
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
  with place as materialized (
    -- PostgreSQL does not list the own transaction, which sees what it wrote; where later ones have ended, it would
    -- count as ended too. What it writes may still be undone, and more may come.
    select concat_ws(':', pg_snapshot_xmin(s.now), pg_snapshot_xmax(s.now), coalesce((
      select string_agg(o.xid::text, ',' order by o.xid)
      from (
        select pg_snapshot_xip(s.now) as xid
        union
        select s.own where s.own < pg_snapshot_xmax(s.now)
      ) o), ''))::pg_snapshot as snapshot
    from (select pg_current_snapshot() as now, pg_current_xact_id_if_assigned() as own) s
  ), movements as materialized (
    -- Not what this transaction itself has booked: it has not ended.
    select e.wallet_id, e.seq, e.to_wallet, e.to_seq, e.kind, a.debit, a.credit, e.amount, e.bonus_amount, w.asset_code,
      ledger_private.quarter(e.created_at, cut.final_until) as quarter,
      greatest(e.created_at, cut.final_until) as counted_at
    from ledger_private.rows_since(cut.since) e
    join ledger.wallets w on w.id = e.wallet_id
    cross join lateral ledger_private.accounts_here(e) a
    where pg_visible_in_snapshot(e.xid, (select p.snapshot from place p))
  ), heads as (
    select x.wallet_id, max(x.seq) as seq, count(*) as entries
    from movements m
    cross join lateral (values (m.wallet_id, m.seq), (m.to_wallet, m.to_seq)) x (wallet_id, seq)
    -- The other side of an exchange is a movement of its own.
    where x.wallet_id = m.wallet_id or x.wallet_id is not null and 'exchange' not in (m.debit, m.credit)
    group by x.wallet_id
  ), closed as (
    select array_agg(h.wallet_id order by h.wallet_id) as wallet_ids, array_agg(h.seq order by h.wallet_id) as seqs,
      array_agg(ledger_private.seal_leaf(h.wallet_id, h.seq, e.hash) order by h.wallet_id) as leaves,
      sum(h.entries)::bigint as entries
    from heads h
    join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
  ), sums as (
    select m.asset_code, m.kind, m.debit, m.credit, m.quarter, count(*) as movements, sum(m.amount) as amount,
      sum(m.bonus_amount) as bonus_amount, max(m.counted_at) as counted_until
    from movements m
    where m.amount > 0
    group by m.asset_code, m.kind, m.debit, m.credit, m.quarter
  ), totals as (
    select row(s.asset_code, s.kind, s.debit, s.credit, cut.block_seq, s.quarter, s.movements, s.amount, s.bonus_amount,
      coalesce(b.total_amount, 0) + sum(s.amount) over earlier,
      coalesce(b.total_bonus_amount, 0) + sum(s.bonus_amount) over earlier,
      coalesce(b.total_movements, 0) + sum(s.movements) over earlier)::ledger.house_totals as total
    from sums s
    left join lateral (
      select t.total_movements, t.total_amount, t.total_bonus_amount from ledger.house_totals t
      where t.asset_code = s.asset_code and t.kind = s.kind and t.debit = s.debit and t.credit = s.credit
      order by t.block_seq desc, t.quarter desc limit 1
    ) b on true
    window earlier as (partition by s.asset_code, s.kind, s.debit, s.credit order by s.quarter)
  )
  select row(p.snapshot, c.wallet_ids, c.seqs, c.leaves, coalesce(c.entries, 0),
    array(select t.total from totals t), (select max(s.counted_until) from sums s))::ledger_private.cut
  from place p cross join closed c
$$;

comment on function ledger_private.cut is
$$What a block closes: all that was committed and that no block before it closed, in one snapshot. No posting waits for
it, and it waits for none: a transaction that is still open is left to a later block, whole. since is closed_snapshot(),
final_until that of the block before, block_seq the number of the block.$$;
