create or replace function webhook.delivery_release(endpoint text, id uuid default null)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
  v_released bigint;
begin
  update webhook.deliveries d
    set parked_at = null, first_try_at = null,
      next_try_at = case when webhook.is_head(d.endpoint, d.id) then clock_timestamp() end
    where d.endpoint = v_endpoint.name and d.parked_at is not null
      and (delivery_release.id is null or d.id = delivery_release.id);
  get diagnostics v_released = row_count;
  if v_released = 0 and id is not null then
    perform ledger_private.refuse(ledger_private.webhook_not_found(endpoint, id));
  end if;
  return v_released;
end
$$;

comment on function webhook.delivery_release is
$$@resultFieldName released
Sends parked webhooks of an endpoint again, for another day. Returns how many.

- endpoint: its name.
- id: the one; all of them if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH): no such endpoint, or no such parked
webhook.$$;

grant execute on function webhook.delivery_release to wallet_operator;
