create or replace function ledger_private.note_failures(failures ledger_private.failure[], at_time timestamptz)
returns void
language plpgsql
volatile
as $$
declare
  v_guard text := set_config('ledger.posting', 'on', true);
begin
  -- Settled meanwhile, by this sweep or by a call. What another sweep is at work on is for that one.
  with settled as (
    select u.wallet_id
      from ledger_private.unsettled_wallets u
      where not (at_time >= u.failed_at and at_time < u.retry_at)
        and cardinality(ledger_private.still_due(array[u.wallet_id], at_time)) = 0
      for update skip locked
  )
  delete from ledger_private.unsettled_wallets u using settled s where u.wallet_id = s.wallet_id;

  -- In the order of ids, so that two sweeps cannot wait for each other.
  insert into ledger_private.unsettled_wallets as u (wallet_id, sqlstate, failures, first_failed_at,
    failed_at, retry_at)
    select f.wallet_id, f.sqlstate, 1, at_time, at_time, at_time + interval '1 minute'
      from unnest(failures) f
      order by f.wallet_id
    on conflict on constraint unsettled_wallets_pkey do update
      set sqlstate = excluded.sqlstate, failures = u.failures + 1, failed_at = excluded.failed_at,
        retry_at = excluded.failed_at + least(interval '1 hour', interval '1 minute' * 2 ^ least(u.failures, 6));
  v_guard := set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.note_failures is
$$Keeps the list of wallets that could not be settled: adds new ones, to be tried again after a minute, then twice as
long after each failure, up to an hour; takes off those in which nothing is due any more.$$;
