create or replace function webhook.endpoints_waiting(endpoint webhook.endpoints)
returns bigint
language sql
stable
return (select count(*) from webhook.deliveries d where d.endpoint = endpoint.name and d.parked_at is null);

comment on function webhook.endpoints_waiting is $$@notNull
How many webhooks wait until it takes them, without those that are parked.$$;

grant execute on function webhook.endpoints_waiting to wallet_operator, wallet_auditor;
