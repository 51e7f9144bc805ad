create or replace function ledger_private.due_wallets(at_time timestamptz, max_wallets int, passed uuid[])
returns table (wallet_id uuid)
language sql
stable
as $$
  -- A wallet that failed waits until it is to be tried again, or the clock has been set back.
  select d.wallet_id
  from (
    (select o.wallet_id, o.expires_at as due_at from ledger_private.open_holds o
      where o.expires_at <= at_time and o.wallet_id <> all (passed) and not exists (
        select from ledger_private.unsettled_wallets u
          where u.wallet_id = o.wallet_id and at_time >= u.failed_at and at_time < u.retry_at)
      order by o.expires_at
      limit max_wallets)
    union all
    (select o.wallet_id, o.due_at from ledger_private.open_lots o
      where o.due_at <= at_time and o.wallet_id <> all (passed) and not exists (
        select from ledger_private.unsettled_wallets u
          where u.wallet_id = o.wallet_id and at_time >= u.failed_at and at_time < u.retry_at)
      order by o.due_at
      limit max_wallets)
  ) d
  group by d.wallet_id
  order by min(d.due_at)
  limit max_wallets
$$;

comment on function ledger_private.due_wallets is
  'Wallets in which something is due, for longest first, but those that this sweep has passed or that just failed.';
