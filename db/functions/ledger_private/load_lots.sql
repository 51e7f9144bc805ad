create or replace function ledger_private.load_lots(transfers ledger.transfers[], from_numbers int[])
returns ledger_private.lot[]
language sql
stable
-- One plan for all numbers of rows: another for each would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that; nor one that sorts the lots of a wallet at each step.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  with recursive demands as (
    select t.number, t.debit_wallet_id as wallet_id, sum(t.bonus_amount) as need
    from unnest(transfers, from_numbers) as t (id, wallet_id, idem_key, kind, debit_wallet_id, debit_seq, credit_wallet_id, credit_seq,
      requested_amount, amount, bonus_amount, reverses, hold_id, expires_at, metadata, actor, created_at, xid, number)
    where t.kind in ('spend', 'transfer', 'hold')
    group by t.number, t.debit_wallet_id
  ), walk as (
    select d.number, d.wallet_id, 0::bigint as seq, '-infinity'::timestamptz as expires_at, 0::bigint as free, d.need
    from demands d
    union all
    -- From lot to lot until they suffice: a wallet may have far more of them.
    select w.number, w.wallet_id, n.seq, n.expires_at, n.free, w.need - n.free
    from walk w
    cross join lateral (
      select l.seq, l.expires_at, s.balance - s.held_balance as free
      -- The next one alone, by the order of the index: joined first, each step would look up and sort all that are left.
      from (
        select o.*
        from ledger_private.open_lots o
        where o.wallet_id = w.wallet_id and (o.expires_at, o.lot_seq) > (w.expires_at, w.seq)
          and o.due_at is not distinct from o.expires_at
        order by o.expires_at, o.lot_seq
        limit 1
      ) o
      join ledger.bonus_lots l on l.wallet_id = o.wallet_id and l.seq = o.lot_seq and l.expires_at = o.expires_at
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
    ) n
    where w.need > 0
  )
  select coalesce(array_agg(
      row(w.number, w.wallet_id, w.seq, w.expires_at, w.free, 0)::ledger_private.lot order by w.number, w.expires_at, w.seq), '{}')
  from walk w
  where w.seq > 0
$$;

comment on function ledger_private.load_lots(ledger.transfers[], int[]) is
  'The lots from which these movements may draw, by wallet and in the order of drawing: the earliest expiry first.';

revoke all on function ledger_private.load_lots(ledger.transfers[], int[]) from public;
