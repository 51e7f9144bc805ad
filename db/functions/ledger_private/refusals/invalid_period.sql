create or replace function ledger_private.invalid_period(from_time timestamptz, to_time timestamptz, bucket text)
returns ledger.refusal
language sql
immutable
return case
  when from_time is null or not isfinite(from_time)
    then ledger_private.invalid_argument('from_time', 'Send the first instant of the period.')
  when to_time is null or not isfinite(to_time) or to_time <= from_time
    then ledger_private.invalid_argument('to_time', 'Send the end of the period: an instant after from_time.')
  when bucket is null or bucket not in ('hour', 'day', 'month')
    then ledger_private.invalid_argument('bucket', 'Send hour, day or month.')
  when to_time - from_time > 1000 * case bucket when 'hour' then interval '1 hour' when 'day' then interval '24 hours'
      else interval '730 hours' end
    then ledger_private.invalid_argument('to_time', 'Ask for at most 1000 hours, days or months at a time.')
  end;

comment on function ledger_private.invalid_period is
  'WLARG, where a period with its buckets cannot be reported; null where it can.';

grant execute on function ledger_private.invalid_period to wallet_operator, wallet_auditor;
