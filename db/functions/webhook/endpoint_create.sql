create or replace function webhook.endpoint_create(
  endpoint text,
  url text,
  kinds text[] default null,
  asset_code text default null
)
returns webhook.new_secret
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if endpoint is null or endpoint collate "C" !~ '^[a-z0-9][a-z0-9_.-]{0,63}$' then
    perform ledger_private.refuse(ledger_private.invalid_argument('endpoint',
      'Give a name of 1 to 64 small letters, digits, points, dashes and underscores, such as crm.'));
  end if;
  perform webhook.check_wanted(url => url, kinds => kinds, asset_code => asset_code);
  insert into webhook.endpoints (name, url, kinds, asset_code, state, cursor, last_notice, delivered, actor,
      created_at, changed_at)
    values (endpoint, url, kinds, asset_code, 'active', webhook.newest_cursor(),
      coalesce((select max(n.number) from webhook.notices n), 0), 0, ledger_private.actor(),
      clock_timestamp(), clock_timestamp())
    on conflict do nothing;
  if not found then
    perform ledger_private.refuse(ledger_private.webhook_exists(endpoint));
  end if;
  return webhook.make_secret(endpoint);
end
$$;

comment on function webhook.endpoint_create is
$$@resultFieldName secret
Adds an address to which movements and notices are posted as they come, and shows the secret that the receiver verifies
them with: this once. What was booked before is not sent, unless webhookEndpointReplay says so.

- endpoint: its name: 1 to 64 small letters, digits, points, dashes and underscores.
- url: an https address. One inside the network is refused when it is called, unless the service allows it.
- kinds: kinds of movements, and credits.expiring and balance.low for notices; all if left out.
- assetCode: the asset; all if left out.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA), WEBHOOK_EXISTS (WLWHX).$$;

grant execute on function webhook.endpoint_create to wallet_operator;
