create or replace function webhook.endpoints_waiting_since(endpoint webhook.endpoints)
returns timestamptz
language sql
stable
return (
  select d.waiting_since
  from webhook.deliveries d
  where d.endpoint = endpoint.name and d.parked_at is null
  order by d.waiting_since, d.id
  limit 1
);

comment on function webhook.endpoints_waiting_since is
  'Since when the first of the webhooks that wait has done so; null where none waits.';

grant execute on function webhook.endpoints_waiting_since to wallet_operator, wallet_auditor;
