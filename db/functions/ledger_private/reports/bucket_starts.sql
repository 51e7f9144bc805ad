create or replace function ledger_private.bucket_starts(
  from_time timestamptz,
  to_time timestamptz,
  bucket text,
  time_zone text
)
returns timestamptz[]
language sql
stable
as $$
  with clock as (
    -- PostgreSQL takes a local time that comes twice for the later one, and one that is skipped for the instant at
    -- which clocks skip it.
    select l.shown, l.shown at time zone time_zone as instant
    from generate_series(
      date_trunc(bucket, from_time at time zone time_zone) - ('1 ' || bucket)::interval,
      (to_time at time zone time_zone) + ('1 ' || bucket)::interval,
      ('1 ' || bucket)::interval) l (shown)
  ), earlier as (
    -- By the difference to UTC of a day before.
    select c.shown, c.instant,
      (c.shown - ((d.instant at time zone time_zone) - (d.instant at time zone 'UTC'))) at time zone 'UTC' as before
    from clock c
    cross join lateral (select c.instant - interval '24 hours') d (instant)
  ), starts as (
    select e.instant, case when e.before at time zone time_zone = e.shown then e.before end as before from earlier e
  )
  select array_agg(distinct i.instant order by i.instant)
  from (
    select from_time
    union all
    select to_time
    union all
    -- An hour that comes twice is two hours; a day begins once.
    select s.instant from starts s where bucket = 'hour' or s.before is null
    union all
    select s.before from starts s
  ) i (instant)
  where i.instant >= from_time and i.instant <= to_time
$$;

comment on function ledger_private.bucket_starts is
$$The instants at which hours, days or months begin in a time zone, within a period, and both ends of the period. A day
begins when clocks there first show its midnight, or skip it.$$;

grant execute on function ledger_private.bucket_starts to wallet_operator, wallet_auditor;
