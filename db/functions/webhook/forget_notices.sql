create or replace function webhook.forget_notices("limit" int)
returns void
language sql
volatile
as $$
  delete from webhook.notices n
  where n.number in (select o.number from webhook.notices o order by o.number limit forget_notices."limit")
    -- Longer than before an expiry there is a notice: what has expired cannot get another one.
    and n.created_at < clock_timestamp() - interval '32 days'
    and n.number <= all (select e.last_notice from webhook.endpoints e)
    and not exists (select from webhook.deliveries d where d.id = n.id)
$$;

comment on function webhook.forget_notices is $$@behavior -*
Deletes the oldest notices that no endpoint needs any more, of so many that are looked at.$$;
