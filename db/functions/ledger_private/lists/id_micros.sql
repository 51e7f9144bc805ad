create or replace function ledger_private.id_micros(id uuid)
returns bigint
language sql
immutable
return (
  select ('x' || left(h.id, 12))::bit(48)::bigint * 1000 + ('x' || substr(h.id, 14, 3))::bit(12)::int * 1000 / 4096
  from (values (replace(id_micros.id::text, '-', ''))) h (id));

comment on function ledger_private.id_micros is
  'The microsecond in which a movement was given its id, counted from 1970. Of a greater id it is never less.';

grant execute on function ledger_private.id_micros
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
