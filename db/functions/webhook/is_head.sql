create or replace function webhook.is_head(endpoint text, id uuid)
returns boolean
language sql
stable
as $$
  select not exists (
    select from webhook.delivery_wallets own
    cross join lateral (
      select from webhook.delivery_wallets b
      where b.endpoint = own.endpoint and b.wallet_id = own.wallet_id
        and (b.seq, b.part, b.id) < (own.seq, own.part, own.id)
      limit 1
    ) earlier
    where own.endpoint = is_head.endpoint and own.id = is_head.id)
$$;

comment on function webhook.is_head is $$@behavior -*
Whether a webhook is the first of each of its wallets that has not arrived at its endpoint.$$;
