create or replace function webhook.endpoint_resume(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints := webhook.lock_endpoint(endpoint);
begin
  if v_endpoint.cursor is not null then
    -- Refuses a cursor of another ledger, with which it would be paused at once.
    perform from ledger_private.feed_place('cursor', v_endpoint.cursor, ledger_private.feed_epoch());
  end if;
  if v_endpoint.state = 'paused' then
    update webhook.endpoints n
      set state = 'active', paused_because = null, held_until = null, actor = ledger_private.actor(),
        changed_at = clock_timestamp()
      where n.name = v_endpoint.name
      returning n.* into v_endpoint;
    -- The time in which nothing was sent is no part of the day for which a webhook is tried.
    update webhook.deliveries d set first_try_at = null
      where d.endpoint = v_endpoint.name and d.first_try_at is not null and d.parked_at is null;
  end if;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_resume is
$$@resultFieldName endpoint
Sends to an endpoint again that was paused, beginning with what has waited. Resuming it again changes nothing.

- endpoint: its name.

Refuses, in this order, with WEBHOOK_NOT_FOUND (WLNWH), INVALID_ARGUMENT (WLARG): its cursor is of another ledger, and
webhookEndpointReplay has to say where to go on.$$;

grant execute on function webhook.endpoint_resume to wallet_operator;
