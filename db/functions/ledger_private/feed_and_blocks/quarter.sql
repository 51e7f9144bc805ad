create or replace function ledger_private.quarter(at_time timestamptz, final_until timestamptz)
returns timestamptz
language sql
immutable
return date_bin('15 minutes', greatest(at_time, final_until), '2000-01-01 00:00:00+00');

comment on function ledger_private.quarter is
  'The start of the quarter of an hour where a block counts a movement: its own, or the first after final_until.';

grant execute on function ledger_private.quarter to wallet_operator, wallet_auditor;
