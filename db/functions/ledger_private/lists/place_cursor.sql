create or replace function ledger_private.place_cursor(at_time timestamptz, id uuid, seq bigint)
returns text
language sql
immutable
return trunc(extract(epoch from at_time) * 1000000) || '.' || id || '.' || seq;

comment on function ledger_private.place_cursor is 'The cursor of a place in an order of instants: see cursor_place.';

grant execute on function ledger_private.place_cursor
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
