create or replace function webhook.endpoint_pause(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
begin
  if v_endpoint.state = 'active' then
    update webhook.endpoints n
      set state = 'paused', paused_because = 'operator', actor = ledger_private.actor(),
        changed_at = clock_timestamp()
      where n.name = v_endpoint.name
      returning n.* into v_endpoint;
  end if;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_pause is
$$@resultFieldName endpoint
Sends nothing to an endpoint until it is resumed. What is booked meanwhile is sent then. Pausing it again changes
nothing.

- endpoint: its name.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_pause to wallet_operator;
