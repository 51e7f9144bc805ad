create or replace function ledger_private.seq_before(wallet_id uuid, at_time timestamptz)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  -- A microsecond is the least by which two times differ.
  select ledger_private.seq_at(wallet_id, at_time - interval '1 microsecond')
$$;

comment on function ledger_private.seq_before is
  'The number of a wallet''s newest entry booked before a time; 0 where there is none. See seq_at.';

grant execute on function ledger_private.seq_before
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
