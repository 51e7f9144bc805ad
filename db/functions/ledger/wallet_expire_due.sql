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
  -- So many wallets in which nothing could be booked are passed in one call; the next goes on after them.
  c_most_passed constant int := 5000;
  v_now timestamptz := clock_timestamp();
  v_due uuid[];
  v_open uuid[];
  v_failed ledger_private.failure[];
  v_settled int := 0;
  v_passed uuid[] := '{}';
  v_failures ledger_private.failure[] := '{}';
begin
  if max_wallets is null or max_wallets not between 1 and 100000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('max_wallets',
      'Ask for 1 to 100000 wallets at a time.'));
  end if;
  loop
    v_due := array(select d.wallet_id from ledger_private.due_wallets(v_now, max_wallets, v_passed) d);
    exit when cardinality(v_due) = 0;
    begin
      -- Who is at work on a wallet books what is due there.
      v_open := array(select w.id from ledger.wallets w where w.id = any (v_due)
        order by w.id for no key update skip locked);
      -- Another sweep may have been first.
      v_open := ledger_private.still_due(v_open, v_now);
      v_failed := array(select f from ledger_private.settle_each(v_open, v_now) f);
      v_settled := cardinality(v_open) - cardinality(v_failed);
      if v_settled = 0 then
        raise exception using errcode = 'raise_exception', message = 'nothing was settled';
      end if;
    exception when raise_exception then
      -- Gives the locks back: who goes on from here takes others, in their order again.
      null;
    end;
    v_failures := v_failures || v_failed;
    -- On past wallets that fail, or that others are at work on: they must not keep those behind them waiting.
    v_passed := v_passed || v_due;
    exit when v_settled > 0 or cardinality(v_passed) >= c_most_passed;
  end loop;
  perform ledger_private.note_failures(v_failures, v_now);
  return v_settled;
end
$$;

comment on function ledger.wallet_expire_due is
$$@behavior -*
Books what is due in the wallets that have been due for longest: frees holds and moves expired bonus credits to
breakage. Skips wallets that others are at work on; those book it themselves. Skips wallets where the booking fails, and
books the others: ledger_unsettled tells which they are, and they are tried again after a minute, and twice as long
after each further failure, up to an hour. Returns how many wallets it settled: call it again, in a transaction of its
own, until that is 0.

- maxWallets: how many wallets at most, 1 to 100000.

Refuses with INVALID_ARGUMENT (WLARG). Errors that are not a wallet's, such as 40001, 40P01, 55P03 or a cancelled
statement, end the call, and nothing is booked.$$;

grant execute on function ledger.wallet_expire_due to wallet_job;
