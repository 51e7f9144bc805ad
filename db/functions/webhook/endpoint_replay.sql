create or replace function webhook.endpoint_replay(
  endpoint text,
  after text default null,
  from_newest boolean default false
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
  if from_newest and after is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument('from_newest',
      'Give a cursor, or true, or neither to begin with the first event.'));
  end if;
  if after is not null then
    perform from ledger_private.feed_place('after', after, ledger_private.feed_epoch());
  end if;
  v_endpoint := webhook.lock_endpoint(endpoint);
  delete from webhook.taken_early t where t.endpoint = v_endpoint.name;
  update webhook.endpoints n
    set cursor = case when from_newest then webhook.newest_cursor() else after end,
      state = case when n.paused_because = 'feed' then 'active' else n.state end,
      paused_because = nullif(n.paused_because, 'feed'),
      actor = ledger_private.actor(), changed_at = clock_timestamp()
    where n.name = v_endpoint.name
    returning n.* into v_endpoint;
  return v_endpoint;
end
$$;

comment on function webhook.endpoint_replay is
$$@resultFieldName endpoint
Says where in the feed an endpoint goes on. Movements behind that place are sent again, with the same webhook-id; what
waits already is sent as well. Notices are not sent again.

- endpoint: its name.
- after: a cursor of the feed (ledgerEvents): it goes on behind that event; from the first one on if left out.
- fromNewest: true to skip all that the feed has now.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WEBHOOK_NOT_FOUND (WLNWH).$$;

grant execute on function webhook.endpoint_replay to wallet_operator;
