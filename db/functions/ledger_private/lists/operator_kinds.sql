create or replace function ledger_private.operator_kinds()
returns ledger.transfer_kind[]
language sql
stable
return (
  select coalesce(array_agg(k.kind), '{}')
  from unnest(enum_range(null::ledger.transfer_kind)) k (kind)
  join pg_proc p on p.proname = ledger_private.function_of(k.kind) and p.pronamespace = 'ledger'::regnamespace
  where not has_function_privilege('wallet_service', p.oid, 'execute'));

comment on function ledger_private.operator_kinds is
  'The kinds of movements that operators may book and services may not, by the grants on their functions.';

grant execute on function ledger_private.operator_kinds to wallet_operator, wallet_auditor;
