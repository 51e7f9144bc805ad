create or replace function ledger_private.verify_holds(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  with placed as (
    select e.* from ledger.entries e
    where e.kind = 'hold' and e.wallet_id between first_id and last_id
  ), holds as (
    select h.* from ledger.holds h where h.wallet_id between first_id and last_id
  ), closings as (
    select e.* from ledger.entries e
    where e.kind in ('capture', 'release') and e.wallet_id between first_id and last_id
  ), open as (
    select h.* from holds h
    where not exists (select from closings c where c.wallet_id = h.wallet_id and c.hold_id = h.id)
  ), listed as (
    select o.* from ledger_private.open_holds o where o.wallet_id between first_id and last_id
  )
  select 'hold_reference', coalesce(h.wallet_id, e.wallet_id), coalesce(h.seq, e.seq),
    coalesce(h.id, e.transfer_id), to_jsonb(h)
  from placed e
  full join holds h on h.wallet_id = e.wallet_id and h.id = e.transfer_id
  where (h.seq, h.amount, h.bonus_amount, h.expires_at, h.created_at)
    is distinct from (e.seq, e.held_amount, e.held_bonus_amount, e.expires_at, e.created_at)
  union all
  select 'hold_reference', c.wallet_id, c.seq, c.transfer_id, jsonb_build_object('hold_id', c.hold_id)
  from closings c
  left join holds h on h.wallet_id = c.wallet_id and h.id = c.hold_id
  where h.id is null or c.seq <= h.seq
  union all
  -- What the end of a hold did to the lots that it pinned.
  select 'lot_draws', c.wallet_id, c.seq, c.transfer_id, jsonb_build_object('found', to_jsonb(m.d),
    'expected', to_jsonb(m.x))
  from closings c
  cross join lateral (
    select x, d
    from ledger_private.closing_draws(
      c.wallet_id, c.hold_id, c.seq, case c.kind when 'capture' then c.bonus_amount else 0 end) x
    full join (select d.* from ledger.bonus_lot_draws d where d.wallet_id = c.wallet_id and d.seq = c.seq) d
      on d.lot_seq = x.lot_seq and d.expires_at = x.expires_at
    where (d.hold_id, d.amount, d.held_amount) is distinct from (x.hold_id, x.amount, x.held_amount)
  ) m (x, d)
  union all
  -- Nothing that was due by the newest entry is open. (When it was ended, verify_entries() proves.)
  select 'hold_expiry', h.wallet_id, h.seq, h.id, jsonb_build_object('expires_at', h.expires_at)
  from open h
  cross join lateral ledger_private.head(h.wallet_id) e
  where h.expires_at <= e.created_at
  union all
  select 'work_list', coalesce(o.wallet_id, h.wallet_id), h.seq, coalesce(o.hold_id, h.id), to_jsonb(o)
  from listed o
  full join open h on h.wallet_id = o.wallet_id and h.id = o.hold_id
  where o.hold_id is null or h.id is null or o.expires_at is distinct from h.expires_at
$$;

comment on function ledger_private.verify_holds is
  'Findings in holds: each placed by its transfer, ended by a later one that freed its lots; the list of open ones.';

grant execute on function ledger_private.verify_holds to wallet_auditor;
