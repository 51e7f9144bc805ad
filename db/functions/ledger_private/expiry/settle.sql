create or replace function ledger_private.settle(wallet_ids uuid[], at_time timestamptz)
returns boolean
language plpgsql
volatile
-- A plan for each number of wallets would cost more than it gains.
set plan_cache_mode = force_generic_plan
-- Nor may one that was made while the tables were small outlive that.
set enable_seqscan = off
as $$
begin
  -- By the clock, or by the wallet's own time where that is ahead. Written so that only an index by wallet serves: one
  -- by date looks cheaper where a list was empty when it was last analyzed.
  if not exists (
    select from unnest(wallet_ids) u (wallet_id)
    cross join lateral ledger_private.head(u.wallet_id) e
    where e.held_balance > 0 and exists (select from ledger_private.open_holds o
        where o.wallet_id = u.wallet_id and coalesce(o.expires_at, 'infinity') <= greatest(at_time, e.created_at))
      or e.bonus_balance > 0 and exists (select from ledger_private.open_lots o
        where o.wallet_id = u.wallet_id and o.expires_at <= greatest(at_time, e.created_at)
          and o.due_at is not distinct from o.expires_at)) then
    return false;
  end if;
  -- Due holds first: what they free may have expired too.
  perform ledger_private.free_due_holds(wallet_ids, at_time);
  perform ledger_private.expire_due_lots(wallet_ids, at_time);
  return true;
end
$$;

comment on function ledger_private.settle is
  'Books what is due in locked wallets: frees due holds, then moves due lots to breakage. Tells whether anything was.';
