create or replace function webhook.endpoint_change(
  endpoint text,
  url text,
  kinds text[] default null,
  asset_code text default null
)
returns webhook.endpoints
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint webhook.endpoints;
begin
  perform webhook.check_wanted(url => url, kinds => kinds, asset_code => asset_code);
  v_endpoint := webhook.lock_endpoint(endpoint);
  update webhook.endpoints n
    set url = endpoint_change.url, kinds = endpoint_change.kinds, asset_code = endpoint_change.asset_code,
      actor = ledger_private.actor(), changed_at = clock_timestamp()
    where n.name = v_endpoint.name
    returning n.* into v_endpoint;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_change is
$$@resultFieldName endpoint
Sets all at once what an endpoint is: its address, its kinds and its asset. What waits for it already is sent as well,
to the new address.

- endpoint: its name.
- url: the new address, or the present one again.
- kinds: kinds of movements, and credits.expiring and balance.low for notices; all if left out.
- assetCode: the asset; all if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_change to wallet_operator;
