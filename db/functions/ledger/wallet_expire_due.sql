create or replace function ledger.wallet_expire_due(max_wallets int default 1000)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_due uuid[];
begin
  if max_wallets is null or max_wallets not between 1 and 100000 then
    perform ledger_private.refuse_argument('max_wallets', 'Ask for 1 to 100000 wallets at a time.');
  end if;
  v_due := array(select d.wallet_id from ledger_private.due_wallets(v_now, max_wallets) d);
  if cardinality(v_due) = 0 then
    return 0;
  end if;

  -- Like a batch: the house's stripe for batches first, so that no single call waits for it, then the players.
  perform from ledger.wallets w
    where w.house = 'breakage' and w.stripe = 32
      and w.asset_code in (select p.asset_code from ledger.wallets p where p.id = any (v_due))
    order by w.id
    for no key update;
  -- Who is at work on a wallet books what is due there.
  v_due := array(
    select w.id from ledger.wallets w where w.id = any (v_due) order by w.id for no key update skip locked);
  -- Another sweep may have been first.
  v_due := array(
    select d.wallet_id from ledger_private.due_wallets(v_now, max_wallets) d join unnest(v_due) u (wallet_id) using (wallet_id));
  perform ledger_private.settle(v_due, v_now, 32);
  return cardinality(v_due);
end
$$;

comment on function ledger.wallet_expire_due(int) is
$$@behavior -*
Books what is due in the wallets that have been due for longest: frees holds and moves expired bonus credits to breakage. Skips wallets that
others are at work on; those book it themselves. Returns how many wallets it settled: call it again, in a transaction of its own, until that is 0.

- maxWallets: how many wallets at most, 1 to 100000.

Refuses with INVALID_ARGUMENT (WLARG).$$;

revoke all on function ledger.wallet_expire_due(int) from public;
grant execute on function ledger.wallet_expire_due(int) to wallet_job;
