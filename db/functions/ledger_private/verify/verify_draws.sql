create or replace function ledger_private.verify_draws(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with drawn as (
    select d.wallet_id, d.seq, sum(d.amount) as amount, min(d.amount) as least_amount, max(d.amount) as most_amount,
      sum(d.held_amount) as held_amount, min(d.held_amount) as least_held, max(d.held_amount) as most_held,
      min(d.expires_at) as first_expiry, max(d.expires_at) as last_expiry, array_agg(distinct d.hold_id) as holds
    from ledger.bonus_lot_draws d
    where d.wallet_id between first_id and last_id
    group by d.wallet_id, d.seq
  ), expiries as (
    select e.* from ledger.entries e
    where e.kind = 'expiry' and e.wallet_id between first_id and last_id
  )
  select 'lot_draws', d.wallet_id, d.seq, e.transfer_id, to_jsonb(d)
  from drawn d
  left join ledger.entries e on e.wallet_id = d.wallet_id and e.seq = d.seq
  where case
    -- What the end of a hold frees and takes, verify_holds() proves.
    when e.kind in ('capture', 'release') then false
    when e.kind = 'hold' then d.least_amount < 0 or d.most_amount > 0 or d.least_held <= 0
      or d.held_amount > e.held_bonus_amount
      or d.holds is distinct from array[e.transfer_id] or d.first_expiry <= e.created_at
    when d.least_held <> 0 or d.most_held <> 0 or d.holds is distinct from array[null::uuid] then true
    -- What goes back, and to which lots, verify_reversals() proves.
    when e.kind = 'reversal' then false
    when e.actor is null or d.least_amount <= 0 then true
    when e.kind in ('spend', 'transfer', 'merge') or e.kind in ('exchange', 'adjustment') and e.debit = 'player'
      then d.amount > e.bonus_amount or d.first_expiry <= e.created_at
    when e.kind = 'expiry' then d.amount <> e.amount or d.last_expiry > e.created_at
    else true end
  union all
  select 'lot_draws', x.wallet_id, x.seq, x.transfer_id, null
  from expiries x
  where not exists (select from drawn d where d.wallet_id = x.wallet_id and d.seq = x.seq)
$$;

comment on function ledger_private.verify_draws is
  'Findings in what entries drew from lots: as much as their kind demands, not expired (an expiry: that had).';

grant execute on function ledger_private.verify_draws to wallet_auditor;
