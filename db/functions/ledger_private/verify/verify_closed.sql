create or replace function ledger_private.verify_closed()
returns setof ledger.finding
language sql
stable
as $$
  with newest as (
    select b.*, case when pg_input_is_valid(b.snapshot, 'pg_snapshot') then b.snapshot::pg_snapshot end as place
    from ledger.blocks b order by b.seq desc limit 1
  )
  -- Of the wallets, what is not sealed yet is listed.
  select 'seal_record', coalesce(u.wallet_id, v.wallet_id), null::bigint, null::uuid,
      jsonb_build_object('number', coalesce(u.seq, v.seq), 'listed', u.seq is not null)
    from ledger_private.unsealed_events u
    full join (
      select w.wallet_id, w.seq
        from ledger.wallet_events w
        left join (select n.id, max(n.seq) as seq from ledger.block_records n where n.chain = 'wallet' group by n.id) n
          on n.id = w.wallet_id
        where w.seq > coalesce(n.seq, 0)
    ) v on v.wallet_id = u.wallet_id and v.seq = u.seq
    where u.wallet_id is null or v.wallet_id is null
  union all
  -- And what was committed before the last block was made is closed.
  select 'seal_entry', c.wallet_id, c.seq, null, jsonb_build_object('block', c.block)
    from (
      select e.wallet_id, max(e.seq) as seq, n.seq as block
        from newest n
        join ledger.entries e on pg_visible_in_snapshot(e.xid, n.place)
        -- Where the ledger was moved, ids of transactions mean nothing until a new epoch begins.
        where n.epoch = (select max(f.epoch) from ledger.feed_epochs f) and not ledger_private.is_moved()
        group by e.wallet_id, n.seq
    ) c
    where c.seq > coalesce((select h.seq from ledger.block_heads h where h.wallet_id = c.wallet_id
      order by h.block_seq desc limit 1), 0)
  union all
  select 'seal_entry', h.wallet_id, h.seq, null, jsonb_build_object('block', h.block_seq)
    from newest n
    join ledger.block_heads h on h.block_seq = n.seq
    join ledger.entries e on e.wallet_id = h.wallet_id and e.seq = h.seq
    where n.epoch = (select max(f.epoch) from ledger.feed_epochs f) and not ledger_private.is_moved()
      and not pg_visible_in_snapshot(e.xid, n.place)
$$;

comment on function ledger_private.verify_closed is
  'Findings about what blocks had to close: all that was committed by the snapshot of the newest, and nothing else.';

grant execute on function ledger_private.verify_closed to wallet_auditor;
