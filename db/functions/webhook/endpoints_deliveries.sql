create or replace function webhook.endpoints_deliveries(endpoint webhook.endpoints, parked boolean default false)
returns setof webhook.deliveries
language sql
stable
begin atomic
  -- One of the two has rows. Each is in order by itself, so that a page of it can be read from an index.
  (
    select d.*
    from webhook.deliveries d
    where d.endpoint = endpoint.name and d.parked_at is not null and endpoints_deliveries.parked
    order by d.parked_at, d.id
  )
  union all
  (
    select d.*
    from webhook.deliveries d
    where d.endpoint = endpoint.name and d.parked_at is null and not endpoints_deliveries.parked
    order by d.waiting_since, d.id
  );
end;

comment on function webhook.endpoints_deliveries is
$$The webhooks that have not arrived there yet, the oldest first.

- parked: true for those that are parked; those that wait if left out.$$;

grant execute on function webhook.endpoints_deliveries to wallet_operator, wallet_auditor;
