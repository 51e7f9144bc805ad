create or replace function webhook.figures()
returns setof webhook.figure
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select n.name, n.state, w.waiting, w.parked,
    greatest(coalesce(extract(epoch from clock_timestamp() - w.oldest), 0), 0)::double precision
  from webhook.endpoints n
  cross join lateral (
    select count(*) filter (where d.parked_at is null) as waiting, count(d.parked_at) as parked,
      min(d.waiting_since) filter (where d.parked_at is null) as oldest
    from webhook.deliveries d where d.endpoint = n.name
  ) w
  order by n.name
$$;

comment on function webhook.figures is $$@behavior -*
For each endpoint how many webhooks wait and are parked, and how long the first of those that wait has waited.$$;

grant execute on function webhook.figures to wallet_worker, wallet_auditor;
