create or replace function ledger_private.records()
returns table (chain ledger_private.record_chain, id uuid, seq bigint, hash bytea)
language sql
stable
as $$
  select 'wallet'::ledger_private.record_chain, v.wallet_id, v.seq::bigint, v.hash from ledger.wallet_events v
  union all
  select 'asset', ledger_private.asset_id(a.code), 0, a.hash from ledger.assets a
  union all
  select 'asset', ledger_private.asset_id(l.asset_code), l.seq, l.hash from ledger.asset_limits l
  union all
  select 'verifications', '00000000-0000-0000-0000-000000000000', v.seq, v.hash from ledger.verifications v
$$;

comment on function ledger_private.records is
  'Every row beside the entries that is sealed, by its chain and its number there (0: an asset itself).';

grant execute on function ledger_private.records to wallet_auditor;
