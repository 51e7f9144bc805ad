create or replace function webhook.endpoints_parked(endpoint webhook.endpoints)
returns bigint
language sql
stable
return (select count(*) from webhook.deliveries d where d.endpoint = endpoint.name and d.parked_at is not null);

comment on function webhook.endpoints_parked is $$@notNull
How many webhooks are parked: each failed for a day, and holds back later ones of its wallets.$$;

grant execute on function webhook.endpoints_parked to wallet_operator, wallet_auditor;
