create or replace function ledger_private.lot_steps(first_id uuid, last_id uuid)
returns table (
  wallet_id uuid, seq bigint, transfer_id uuid, ranks int[], expiries timestamptz[], free bigint[], in_lots numeric,
  free_bonus numeric, emptied int, due_by timestamptz
)
language sql
stable
as $$
  with lots as (
    select l.*, row_number() over (partition by l.wallet_id order by l.expires_at, l.seq)::int as rank
    from ledger.bonus_lots l
    where l.wallet_id between first_id and last_id
  ), changes as (
    select l.wallet_id, l.seq, l.rank, l.expires_at, l.amount as free, -l.amount::numeric as drawn from lots l
    union all
    select d.wallet_id, d.seq, l.rank, l.expires_at, d.balance - d.held_balance, d.amount::numeric + d.held_amount
    from ledger.bonus_lot_draws d
    join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
    where d.wallet_id between first_id and last_id
  ), by_entry as (
    select c.wallet_id, c.seq, array_agg(c.rank) as ranks, array_agg(c.expires_at) as expiries,
      array_agg(c.free) as free, max(c.rank) as last, sum(c.drawn) as drawn
    from changes c
    group by c.wallet_id, c.seq
  ), reserved as (
    select n.wallet_id, n.seq, n.kind = 'release' and n.idem_key is null as settling,
      case n.kind when 'hold' then n.held_bonus_amount else -h.bonus_amount end as change
    from ledger.entries n
    left join ledger.holds h on h.wallet_id = n.wallet_id and h.id = n.hold_id
    where n.kind in ('hold', 'capture', 'release') and n.wallet_id between first_id and last_id
  ), walked as (
    select e.wallet_id, e.seq, e.transfer_id, e.kind, ledger.entries_side(e) as side, e.created_at, c.ranks, c.expiries,
      c.free, c.last, c.drawn,
      case e.kind when 'hold' then h.change else e.bonus_amount end as bonus_amount,
      e.kind = 'expiry' or coalesce(h.settling, false) as settling,
      e.bonus_balance - coalesce(sum(h.change) over wallet, 0) as free_bonus, -sum(c.drawn) over wallet as in_lots
    from ledger.entries e
    left join reserved h on h.wallet_id = e.wallet_id and h.seq = e.seq
    left join by_entry c on c.wallet_id = e.wallet_id and c.seq = e.seq
    where e.wallet_id in (select l.wallet_id from lots l)
    window wallet as (partition by e.wallet_id order by e.seq)
  )
  select w.wallet_id, w.seq, w.transfer_id, w.ranks, w.expiries, w.free, w.in_lots, w.free_bonus,
    -- The rank up to which it emptied all; null where it took nothing that may be in lots.
    case when w.kind in ('spend', 'hold', 'transfer', 'exchange', 'adjustment', 'merge') and w.side = 'debit'
      and w.bonus_amount > 0 then
      case when w.drawn = w.bonus_amount then w.last else 2147483647 end end as emptied,
    -- What was due by then, the wallet's next entries had to book.
    case
      when lead(w.seq) over wallet is null or w.kind = 'expiry' then w.created_at
      when not lead(w.settling) over wallet then lead(w.created_at) over wallet end as due_by
  from walked w
  window wallet as (partition by w.wallet_id order by w.seq)
  order by w.wallet_id, w.seq
$$;

comment on function ledger_private.lot_steps is
$$The entries of the wallets from one id to another that have lots, in order, with what each did to them: the ranks (the
earliest expiry first), the expiries and the free credits of the lots that it changed; how much was in lots after it,
and of the bonus credits not reserved; the rank up to which it emptied all; and when it, or the wallet's next entry, had
to have booked what was due.$$;

grant execute on function ledger_private.lot_steps to wallet_auditor;
