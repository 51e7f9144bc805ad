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
  if not ledger_private.has_due(wallet_ids, at_time) then
    return false;
  end if;
  -- Due holds first: what they free may have expired too.
  perform ledger_private.free_due_holds(wallet_ids, at_time);
  perform ledger_private.expire_due_lots(wallet_ids, at_time);
  return true;
end
$$;

comment on function ledger_private.settle is
$$Books what is due in wallets that are locked, and tells whether anything was: frees due holds, then moves what is free in due lots to breakage.$$;
