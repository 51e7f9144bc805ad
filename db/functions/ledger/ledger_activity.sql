create or replace function ledger.ledger_activity(
  asset_code text,
  from_time timestamptz,
  to_time timestamptz,
  bucket text default 'day',
  time_zone text default 'UTC'
)
returns setof ledger.activity
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- How many rows there are since the last block, the planner cannot know: it would read all.
set enable_seqscan = off
set jit = off
as $$
declare
  v_zone constant text := ledger_private.zone(time_zone);
  v_final_until timestamptz;
  v_times timestamptz[];
begin
  perform ledger_private.refuse(ledger_private.invalid_period(from_time, to_time, bucket));
  if v_zone is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('time_zone',
      'Send UTC or the name of a time zone with its area, such as Europe/Berlin.'));
  end if;
  if asset_code is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('asset_code', 'Send the code of an asset.'));
  end if;
  perform ledger_private.check_asset(asset_code);
  perform ledger_private.feed_epoch();
  v_final_until := (select b.final_until from ledger.blocks b order by b.seq desc limit 1);
  v_times := ledger_private.bucket_starts(from_time => ledger_activity.from_time, to_time => ledger_activity.to_time,
    bucket => ledger_activity.bucket, time_zone => v_zone);
  return query
    with totals as (
      select m.at_time, m.kind, m.debit, m.credit, sum(m.movements)::bigint as movements, sum(m.amount) as amount,
        sum(m.bonus_amount) as bonus_amount
      from ledger_private.totals_before(v_times, ledger_activity.asset_code) m
      group by m.at_time, m.kind, m.debit, m.credit
    ), steps as (
      -- What has once moved is in the totals of all later instants.
      select t.*, t.movements - lag(t.movements, 1, 0::bigint) over accounts as more,
        t.amount - lag(t.amount, 1, 0::numeric) over accounts as more_amount,
        t.bonus_amount - lag(t.bonus_amount, 1, 0::numeric) over accounts as more_bonus
      from totals t
      window accounts as (partition by t.kind, t.debit, t.credit order by t.at_time)
    )
    select v_times[b.place - 1], s.at_time, s.kind, ledger_private.account_name(s.debit),
      ledger_private.account_name(s.credit), s.more, s.more_amount, s.more_bonus,
      coalesce(s.at_time <= v_final_until, false)
    from steps s
    join unnest(v_times) with ordinality b (at_time, place) on b.at_time = s.at_time
    where b.place > 1 and s.more > 0
    order by s.at_time, s.kind, s.debit, s.credit;
end
$$;

comment on function ledger.ledger_activity is
$$What moved in a period, by hour, day or month: of each kind of movement and pair of accounts how many there were, the
amount and the part of it that was bonus credits. So top_up is what was sold, bonus what was given, spend and capture
what was spent, expiry what expired (breakage), and reversal what was taken back, by its accounts of which. A bucket in
which nothing moved has no row.

Buckets are those of a time zone: a day on which clocks change has 23 or 25 hours, an hour that comes twice is two. The
first and the last bucket are cut off at the ends of the period. Every instant counts as ledgerBalancesAt has it, so
that balances at fromTime + activity = balances at toTime; a row is final or provisional as there.

- assetCode: the asset.
- fromTime: the first instant of the period; it belongs to the period.
- toTime: the end of the period; it does not belong to it.
- bucket: hour, day or month; day if left out.
- timeZone: UTC, or an area and a place such as Europe/Berlin; UTC if left out.

A period has at most 1000 hours, 1000 days or 1000 months.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), ASSET_NOT_FOUND (WLNOA); RETRY (55000) where the ledger was moved
and npm run migrate has not run since.$$;

grant execute on function ledger.ledger_activity to wallet_operator, wallet_auditor;
