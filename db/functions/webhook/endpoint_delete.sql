create or replace function webhook.endpoint_delete(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
begin
  delete from webhook.endpoints n where n.name = v_endpoint.name;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_delete is
$$@resultFieldName endpoint
Deletes an endpoint, its secrets and what waits for it.

- endpoint: its name.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_delete to wallet_operator;
