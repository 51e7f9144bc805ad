create or replace function ledger_private.close_holds(entries ledger.entries[], draws ledger.bonus_lot_draws[])
returns void
language plpgsql
volatile
-- A plan for each number of rows would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
begin
  perform set_config('ledger.posting', 'on', true);
  -- One look-up for each, whatever the list was like when it was last looked at: it is often empty, and then is not.
  delete from ledger_private.open_holds o
    using unnest(entries) e
    cross join lateral (
      select c.ctid from ledger_private.open_holds c where c.wallet_id = e.wallet_id and c.hold_id = e.hold_id limit 1
    ) closed
    where o.ctid = closed.ctid;
  perform set_config('ledger.posting', '', true);
  if cardinality(draws) > 0 then
    perform ledger_private.write_lots('{}', draws);
  end if;
end
$$;

comment on function ledger_private.close_holds is
  'Takes the holds that these entries end off the list of open ones, and writes what that does to their lots.';
