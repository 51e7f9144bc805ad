create or replace function ledger.ledger_unsettled(since timestamptz default null)
returns setof ledger.unsettled_wallet
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select u.wallet_id, u.sqlstate, u.failures, u.first_failed_at, u.failed_at, u.retry_at
  from ledger_private.unsettled_wallets u
  where u.failed_at >= coalesce(ledger_unsettled.since, '-infinity')
  order by u.first_failed_at, u.wallet_id
$$;

comment on function ledger.ledger_unsettled is
$$@behavior -*
The wallets in which wallet_expire_due could not book what is due when it last tried, those that have failed for longest
first. What is due counts there all the same: nobody can spend it. A wallet leaves the list when it is settled, at the
next time it would be tried again.

- since: only those that failed at or after this instant; all if left out.$$;

grant execute on function ledger.ledger_unsettled to wallet_auditor, wallet_job;
