create or replace function ledger_private.id_number(id uuid)
returns numeric
language sql
immutable
strict
return ('0x' || replace(id::text, '-', ''))::numeric;

comment on function ledger_private.id_number is 'An id as a number, so that one knows which comes next.';
