create or replace function webhook.lock_endpoint(endpoint text)
returns webhook.endpoints
language plpgsql
volatile
as $$
declare
  v_endpoint webhook.endpoints;
begin
  if endpoint is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('endpoint', 'Name the endpoint, such as crm.'));
  end if;
  select n.* into v_endpoint from webhook.endpoints n where n.name = lock_endpoint.endpoint for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.webhook_not_found(endpoint));
  end if;
  return v_endpoint;
end
$$;

comment on function webhook.lock_endpoint is $$@behavior -*
An endpoint, locked until the end of the transaction. WLARG, WLNWH: none is named, or there is none of that name.$$;
