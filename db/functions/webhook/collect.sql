create or replace function webhook.collect(endpoint text, "limit" int default 1000)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  -- Then the feed keeps what comes.
  c_most_waiting constant int := 100000;
  v_endpoint webhook.endpoints;
  v_events ledger.event[];
  v_notices webhook.notices[];
  v_cursor text;
  v_early uuid[];
  v_known uuid[];
begin
  select n.* into v_endpoint from webhook.endpoints n where n.name = collect.endpoint and n.state = 'active';
  if not found or (
    select count(*) from (
      select from webhook.deliveries d where d.endpoint = v_endpoint.name limit c_most_waiting
    ) w) = c_most_waiting then
    return false;
  end if;
  if not webhook.is_of_feed(v_endpoint.cursor) then
    -- The ledger was restored, here or elsewhere: where to go on, a person knows.
    update webhook.endpoints n set state = 'paused', paused_because = 'feed'
      where n.name = v_endpoint.name and n.cursor = v_endpoint.cursor;
    return false;
  end if;
  v_events := array(select e from ledger.ledger_events(v_endpoint.cursor, "limit") e);
  v_notices := array(select n from webhook.notices n where n.number > v_endpoint.last_notice
    order by n.number limit "limit");
  if cardinality(v_events) + cardinality(v_notices) = 0 then
    return false;
  end if;
  -- Only now, so that looking writes nothing; and only if nobody else has taken them meanwhile.
  perform from webhook.endpoints n
    where n.name = v_endpoint.name and n.state = 'active' and n.cursor is not distinct from v_endpoint.cursor
      and n.last_notice = v_endpoint.last_notice
    for no key update skip locked;
  if not found then
    return false;
  end if;

  v_cursor := coalesce(v_events[cardinality(v_events)].cursor, v_endpoint.cursor);
  v_early := webhook.taken_before(events => v_events, notices => v_notices, place => v_cursor);
  v_known := array(select t.transfer_id from webhook.taken_early t where t.endpoint = v_endpoint.name);
  perform webhook.enqueue(endpoint => v_endpoint, notices => v_notices, ids => array(
    select i from unnest(array(select e.transfer_id from unnest(v_events) e) || v_early) i
      where i <> all (v_known)));
  delete from webhook.taken_early t using unnest(v_events) e
    where t.endpoint = v_endpoint.name and t.transfer_id = e.transfer_id;
  insert into webhook.taken_early (endpoint, transfer_id) select v_endpoint.name, i from unnest(v_early) i
    on conflict do nothing;
  update webhook.endpoints n set cursor = v_cursor,
      last_notice = coalesce(v_notices[cardinality(v_notices)].number, n.last_notice)
    where n.name = v_endpoint.name;
  return cardinality(v_events) = "limit" or cardinality(v_notices) = "limit";
end
$$;

comment on function webhook.collect is $$@behavior -*
Takes the next events of the feed and the next notices for an endpoint, makes deliveries of those that it asks for, and
moves its cursor, all in one. Whether there may be more already. Does nothing while another session does it, while the
endpoint is paused, and while 100000 of its webhooks wait: the feed keeps what comes.

- endpoint: its name.
- limit: how many events and notices at most, 1 to 10000.$$;

grant execute on function webhook.collect to wallet_worker;
