create or replace function ledger_private.due_wallets(at_time timestamptz, max_wallets int)
returns table (wallet_id uuid)
language sql
stable
as $$
  select d.wallet_id
  from (
    (select o.wallet_id, o.expires_at as due_at from ledger_private.open_holds o
      where o.expires_at <= at_time
      order by o.expires_at
      limit max_wallets)
    union all
    (select o.wallet_id, o.due_at from ledger_private.open_lots o
      where o.due_at <= at_time
      order by o.due_at
      limit max_wallets)
  ) d
  group by d.wallet_id
  order by min(d.due_at)
  limit max_wallets
$$;

comment on function ledger_private.due_wallets(timestamptz, int) is
  'Wallets in which a hold or a lot is due, those that have been due for longest first.';

revoke all on function ledger_private.due_wallets(timestamptz, int) from public;
