create or replace function ledger_private.verify_draws(wallet_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with drawn as (
    select d.wallet_id, d.seq, sum(d.amount) as amount, min(d.amount) as least_amount, max(d.amount) as most_amount,
      sum(d.held_amount) as held_amount, min(d.held_amount) as least_held, max(d.held_amount) as most_held,
      min(d.expires_at) as first_expiry, max(d.expires_at) as last_expiry, array_agg(distinct d.hold_id) as holds
    from ledger.bonus_lot_draws d
    where verify_draws.wallet_id is null or d.wallet_id = verify_draws.wallet_id
    group by d.wallet_id, d.seq
  ), takings as (
    -- Entries that take bonus credits, whether from lots or not, and all others that drew.
    select e, t, d, coalesce(d.wallet_id, e.wallet_id) as wallet_id, coalesce(d.seq, e.seq) as seq,
      e.kind in ('spend', 'hold') or e.kind = 'transfer' and e.side = 'debit' as leaving
    from (
      select e.* from ledger.entries e
      where (verify_draws.wallet_id is null or e.wallet_id = verify_draws.wallet_id)
        and (e.kind = 'hold' or e.bonus_amount > 0 and (e.kind in ('spend', 'expiry') or e.kind = 'transfer' and e.side = 'debit')
          or exists (select from drawn d where d.wallet_id = e.wallet_id and d.seq = e.seq))
    ) e
    full join drawn d on d.wallet_id = e.wallet_id and d.seq = e.seq
    left join ledger.transfers t on t.id = e.transfer_id
    -- A house entry on the other side draws nothing.
    where d.seq is not null or e.wallet_id = t.wallet_id
  ), judged as (
    select k.*,
      case
        when (k.e).seq is null then true
        when (k.e).kind = 'expiry' then ((k.d).least_amount > 0 and (k.d).amount = (k.t).amount and (k.d).least_held = 0
          and (k.d).most_held = 0 and (k.d).last_expiry <= (k.e).created_at) is not true
        when (k.d).seq is null then false
        when (k.e).kind in ('capture', 'release') then false
        when (k.e).kind = 'hold' then ((k.d).least_amount = 0 and (k.d).most_amount = 0 and (k.d).least_held > 0
          and (k.d).held_amount <= (k.t).bonus_amount and (k.d).first_expiry > (k.e).created_at and (k.d).holds = array[(k.t).id]) is not true
        when k.leaving then ((k.d).least_amount > 0 and (k.d).amount <= (k.t).bonus_amount and (k.d).least_held = 0 and (k.d).most_held = 0
          and (k.d).first_expiry > (k.e).created_at and (k.d).holds = array[null::uuid]) is not true
        when (k.e).kind = 'reversal' then ((k.d).least_held = 0 and (k.d).most_held = 0 and abs((k.d).amount) <= (k.t).bonus_amount
          and case (k.e).side when 'credit' then (k.d).most_amount < 0 else (k.d).least_amount > 0 end) is not true
        else true end as breaks_draws,
      -- The earliest expiry first, and credits without one last: nothing that should have gone before may be left.
      (k.e).seq is not null and k.leaving and exists (
        select from ledger.bonus_lots l
        cross join lateral ledger_private.lot_at(l, (k.e).seq) s
        where l.wallet_id = k.wallet_id and l.seq < k.seq and l.expires_at > (k.e).created_at and s.balance > s.held_balance
          and (coalesce((k.d).amount + (k.d).held_amount, 0) < (k.t).bonus_amount or exists (
            select from ledger.bonus_lot_draws later
            where later.wallet_id = k.wallet_id and later.seq = k.seq and (later.expires_at, later.lot_seq) > (l.expires_at, l.seq)))
      ) as breaks_order
    from takings k
  )
  select f.rule, g.wallet_id, g.seq, (g.e).transfer_id, f.detail
  from judged g
  cross join lateral (values
    ('lot_draws', g.breaks_draws, to_jsonb(g.d)),
    ('lot_order', g.breaks_order, to_jsonb(g.d))
  ) as f (rule, broken, detail)
  where (g.breaks_draws or g.breaks_order) and f.broken
$$;

comment on function ledger_private.verify_draws(uuid) is
$$Findings in what the entries of one wallet, or of all, drew from lots: as much as their kind demands, of lots that had not expired (an expiry: that
had), and the earliest expiry first. (What the end of a hold does, verify_holds() proves.)$$;

revoke all on function ledger_private.verify_draws(uuid) from public;
grant execute on function ledger_private.verify_draws(uuid) to wallet_auditor;
