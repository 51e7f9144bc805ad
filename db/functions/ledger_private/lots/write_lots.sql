create or replace function ledger_private.write_lots(lots ledger.bonus_lots[], draws ledger.bonus_lot_draws[])
returns void
language plpgsql
volatile
-- A plan for each number of rows would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
declare
  v_draws ledger.bonus_lot_draws[];
  v_guard text;
begin
  v_guard := set_config('ledger.posting', 'on', true);
  if cardinality(lots) > 0 then
    insert into ledger.bonus_lots select * from unnest(lots);
  end if;
  -- Before the first of them is written: looked up in between, a lot's newest would be searched for among all that went
  -- before.
  v_draws := array(
    select row(d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, d.amount, d.held_amount,
        s.balance - sum(d.amount) over earlier,
        s.held_balance + sum(d.held_amount) over earlier)::ledger.bonus_lot_draws
      from (
        select d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id, sum(d.amount) as amount,
          sum(d.held_amount) as held_amount
        from unnest(draws) d
        group by d.wallet_id, d.lot_seq, d.expires_at, d.seq, d.hold_id
      ) d
      join ledger.bonus_lots l on l.wallet_id = d.wallet_id and l.seq = d.lot_seq and l.expires_at = d.expires_at
      -- As left by what was written before this call, whose own draws follow one another.
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
      window earlier as (partition by d.wallet_id, d.lot_seq, d.expires_at order by d.seq));
  insert into ledger.bonus_lot_draws select * from unnest(v_draws);
  -- What only takes, and leaves something free, changes nothing in the list.
  if cardinality(lots) = 0
    and not exists (select from unnest(v_draws) d where d.hold_id is not null or d.amount <= 0
      or d.balance = d.held_balance) then
    v_guard := set_config('ledger.posting', '', true);
    return;
  end if;

  with changed as (
    select l.wallet_id, l.seq, l.expires_at from unnest(lots) l
    union
    select d.wallet_id, d.lot_seq, d.expires_at from unnest(draws) d
  ), state as (
    select l.wallet_id, l.expires_at, l.seq, s.balance,
        case when s.balance > s.held_balance then l.expires_at end as due_at
      from changed
      join ledger.bonus_lots l using (wallet_id, seq, expires_at)
      cross join lateral ledger_private.lot_at(l, 9223372036854775807) s
  ), closed as (
    -- One look-up for each, whatever the list was like when it was last looked at: it is often empty, and then is not.
    select o.ctid
      from state s
      cross join lateral (
        select o.ctid from ledger_private.open_lots o
        where o.wallet_id = s.wallet_id and o.expires_at = s.expires_at and o.lot_seq = s.seq
        limit 1
      ) o
      where s.balance = 0
  ), removed as (
    delete from ledger_private.open_lots o using closed c where o.ctid = c.ctid
  )
  insert into ledger_private.open_lots as o
    select s.wallet_id, s.expires_at, s.seq, s.due_at from state s where s.balance > 0
    on conflict on constraint open_lots_pkey do update set due_at = excluded.due_at
      where o.due_at is distinct from excluded.due_at;
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.write_lots is
  'Writes new lots and draws, whose balances it works out, and keeps the list of open lots.';
