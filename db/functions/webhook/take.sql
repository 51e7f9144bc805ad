create or replace function webhook.take(endpoint text, most int, lost_after interval)
returns setof webhook.message
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_endpoint webhook.endpoints;
begin
  select n.* into v_endpoint from webhook.endpoints n
    where n.name = take.endpoint and n.state = 'active' and coalesce(n.held_until, '-infinity') <= clock_timestamp();
  if not found then
    return;
  end if;
  return query
    with due as (
      select d.id from webhook.deliveries d
        where d.endpoint = v_endpoint.name and d.next_try_at <= clock_timestamp()
          and webhook.is_head(d.endpoint, d.id)
        order by d.next_try_at
        limit most
        for update skip locked
    ), taken as (
      update webhook.deliveries d set tries = d.tries + 1, first_try_at = coalesce(d.first_try_at, clock_timestamp()),
          next_try_at = clock_timestamp() + lost_after
        from due u
        where d.endpoint = v_endpoint.name and d.id = u.id
        returning d.id, d.kind, d.wallet_id, d.tries
    )
    select t.id, t.kind, t.wallet_id, t.tries, v_endpoint.url,
        case when t.kind in ('credits.expiring', 'balance.low') then webhook.notice_body(t.id)
          else webhook.event_body(t.id) end,
        array(select s.secret from webhook.secrets s
          where s.endpoint = v_endpoint.name and coalesce(s.expires_at, 'infinity') > clock_timestamp()
          order by s.created_at desc, s.secret)
      from taken t;
end
$$;

comment on function webhook.take is $$@behavior -*
Webhooks of an endpoint that are due, at most one for each wallet, which the caller sends now. Until it has settled
them, or they count as lost, nobody else gets them, nor any later ones of their wallets.

- endpoint: its name.
- most: how many at most.
- lostAfter: after how long without being settled they are given out again: longer than sending may take.$$;

grant execute on function webhook.take to wallet_worker;
