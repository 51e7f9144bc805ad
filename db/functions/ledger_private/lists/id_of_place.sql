create or replace function ledger_private.id_of_place(place ledger_private.list_place)
returns uuid
language sql
immutable
return (
  -- A movement stands at the microsecond of its id; what else stands there comes before or after it by its own id.
  select greatest(ledger_private.id_from(m.micros), least(place.id, ledger_private.id_from(m.micros + 1)))
  from (values ((extract(epoch from place.at_time) * 1000000)::bigint)) m (micros)
  where place.at_time is not null);

comment on function ledger_private.id_of_place is
  'The id before which movements come that are before a place in an order of instants, and after which the others.';

grant execute on function ledger_private.id_of_place to wallet_operator, wallet_auditor;
