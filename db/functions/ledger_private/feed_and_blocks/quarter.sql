create or replace function ledger_private.quarter(at_time timestamptz, final_until timestamptz)
returns timestamptz
language sql
immutable
return date_bin('15 minutes', greatest(at_time, final_until), '2000-01-01 00:00:00+00');

comment on function ledger_private.quarter is
$$The quarter of an hour, by its start, to which a movement booked at an instant belongs in a block: its own, or where the figures of that are final
already, the first that is not. final_until is that of the block before.$$;

grant execute on function ledger_private.quarter to wallet_auditor;
