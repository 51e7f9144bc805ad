create or replace function ledger_private.id_from(micros bigint)
returns uuid
language sql
immutable
return (
  -- Version 7: a millisecond in 48 bits, the version, and the 4096th part of it in 12 bits.
  select (lpad(to_hex(m.micros / 1000), 12, '0') || '7' || lpad(to_hex((m.micros % 1000 * 4096 + 999) / 1000), 3, '0')
    || repeat('0', 16))::uuid
  from (values (least(greatest(id_from.micros, 0), 281474976710655000))) m (micros));

comment on function ledger_private.id_from is
  'The least id that a movement may have been given in a microsecond, counted from 1970.';

grant execute on function ledger_private.id_from
  to wallet_service, wallet_operator, wallet_auditor, wallet_job;
