create or replace function ledger_private.verify_lots(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with lots as (
    select l.* from ledger.bonus_lots l where l.wallet_id between first_id and last_id
  ), draws as (
    select d.*, lag(d.balance) over lot as balance_before, lag(d.held_balance) over lot as held_before
    from ledger.bonus_lot_draws d
    where d.wallet_id between first_id and last_id
    window lot as (partition by d.wallet_id, d.lot_seq, d.expires_at order by d.seq)
  ), expected as (
    -- A lot for each expiring bonus, also in an opening, and at the receiver for each expiry among the lots that a
    -- transfer or a merge drew from.
    select e.wallet_id, e.seq, e.expires_at,
      case e.kind when 'bonus' then e.amount else e.bonus_amount end::numeric as amount
    from ledger.entries e
    where e.wallet_id between first_id and last_id and e.kind in ('bonus', 'opening') and e.expires_at is not null
    union all
    select e.wallet_id, e.seq, d.expires_at, sum(d.amount)
    from ledger.entries e
    join ledger.entries a on a.transfer_id = e.transfer_id and a.actor is not null
    join ledger.bonus_lot_draws d on d.wallet_id = a.wallet_id and d.seq = a.seq
    where e.wallet_id between first_id and last_id and e.kind in ('transfer', 'merge') and e.actor is null
      and e.bonus_amount > 0
    group by e.wallet_id, e.seq, d.expires_at
    union all
    -- What a reversal gives back where the wallet of the original was merged: verify_reversals() proves it.
    select l.wallet_id, l.seq, l.expires_at, l.amount
    from lots l
    join ledger.entries e on e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind = 'reversal'
  ), state as (
    select l.wallet_id, l.seq, l.expires_at, s.balance, s.balance - s.held_balance as free
    from lots l
    cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  )
  select 'lot_reference', coalesce(l.wallet_id, x.wallet_id), coalesce(l.seq, x.seq), null::uuid,
    jsonb_build_object('expires_at', coalesce(l.expires_at, x.expires_at), 'amount', l.amount, 'expected', x.amount)
  from lots l
  full join expected x on x.wallet_id = l.wallet_id and x.seq = l.seq and x.expires_at = l.expires_at
  where l.amount is distinct from x.amount
    -- From which lots a sender gave, another database may know.
    and not (x.seq is null and exists (select from ledger.entries e
      where e.wallet_id = l.wallet_id and e.seq = l.seq and e.kind in ('transfer', 'merge')
        and l.amount <= e.bonus_amount and ledger_private.is_from_elsewhere(e)))
  union all
  select 'lot_balance', d.wallet_id, d.seq, null, to_jsonb(d)
  from draws d
  left join lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
  where l.seq is null or d.seq <= l.seq
    or d.balance is distinct from coalesce(d.balance_before, l.amount)::numeric - d.amount
    or d.held_balance is distinct from coalesce(d.held_before, 0)::numeric + d.held_amount
    or d.balance > l.amount or d.held_balance not between 0 and d.balance
  union all
  select 'work_list', coalesce(o.wallet_id, s.wallet_id), coalesce(o.lot_seq, s.seq), null, to_jsonb(o)
  from (
    select o.* from ledger_private.open_lots o where o.wallet_id between first_id and last_id
  ) o
  full join (select s.* from state s where s.balance > 0) s
    on s.wallet_id = o.wallet_id and s.expires_at = o.expires_at and s.seq = o.lot_seq
  where o.lot_seq is null or s.seq is null or o.due_at is distinct from case when s.free > 0 then s.expires_at end
$$;

comment on function ledger_private.verify_lots is
  'Findings in lots: each made by its entry, what was drawn adding up, and the list of open ones true.';

grant execute on function ledger_private.verify_lots to wallet_auditor;
