create or replace function webhook.wake(endpoint text, wallet_ids uuid[])
returns void
language sql
volatile
as $$
  update webhook.deliveries d set next_try_at = clock_timestamp()
  from (
    select distinct f.id from unnest(wake.wallet_ids) u (wallet_id)
    cross join lateral (
      select p.id from webhook.delivery_wallets p
      where p.endpoint = wake.endpoint and p.wallet_id = u.wallet_id
      order by p.seq, p.part, p.id
      limit 1
    ) f
  ) first
  where d.endpoint = wake.endpoint and d.id = first.id and d.next_try_at is null and d.parked_at is null
    and webhook.is_head(d.endpoint, d.id)
$$;

comment on function webhook.wake is $$@behavior -*
Lets the first webhook of each of these wallets be sent, if it waits for nothing else. The endpoint is locked.$$;
