create or replace function webhook.delivery_drop(endpoint text, id uuid)
returns webhook.deliveries
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints;
  v_delivery webhook.deliveries;
  v_wallets uuid[];
begin
  if id is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('id', 'Name the webhook by its id.'));
  end if;
  v_endpoint := webhook.lock_endpoint(endpoint);
  v_wallets := array(
    select w.wallet_id from webhook.delivery_wallets w
      where w.endpoint = v_endpoint.name and w.id = delivery_drop.id);
  delete from webhook.deliveries d
    where d.endpoint = v_endpoint.name and d.id = delivery_drop.id and d.parked_at is not null
    returning d.* into v_delivery;
  if not found then
    perform ledger_private.refuse(ledger_private.webhook_not_found(endpoint, id));
  end if;
  perform webhook.wake(v_endpoint.name, v_wallets);
  return v_delivery;
end
$$;

comment on function webhook.delivery_drop is
$$@resultFieldName delivery
Drops a parked webhook: it is never sent, and the later ones of its wallets go on.

- endpoint: its name.
- id: the webhook.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH): no such endpoint, or no such parked
webhook.$$;

grant execute on function webhook.delivery_drop to wallet_operator;
