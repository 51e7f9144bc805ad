create or replace function ledger_private.check_range(from_time timestamptz, to_time timestamptz)
returns void
language plpgsql
stable
as $$
begin
  -- Hours, because the days of a time zone differ. Up to now, it is a while that the pages of a list take.
  if from_time is null
    or coalesce(to_time, clock_timestamp() - interval '1 hour') > from_time + interval '744 hours' then
    perform ledger_private.refuse(ledger_private.invalid_argument('from',
      'No index leads to these rows: give from, and with to at most 31 days, and ask for one range after the other.',
      '{"max_days": 31}'));
  end if;
end
$$;

comment on function ledger_private.check_range is
  'WLARG where a search that no index answers is not of at most 31 days; without an end, up to now.';

grant execute on function ledger_private.check_range
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
