create or replace function ledger_private.id_keys(ids uuid[])
returns jsonb
language sql
immutable
return (
  select coalesce(jsonb_agg(jsonb_build_object('id', i.id, 'cursor', i.id) order by i.n), '[]')
  from unnest(ids) with ordinality i (id, n));

comment on function ledger_private.id_keys is
  'The keys of rows that their id identifies, of which it is the cursor too.';

grant execute on function ledger_private.id_keys
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
