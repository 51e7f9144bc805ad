create or replace function ledger_private.kept_metadata_hash(wallet_id uuid, seq bigint)
returns bytea
language sql
stable
-- A plan that was made while the table was small may not outlive that.
set enable_seqscan = off
as $$
  select r.metadata_hash from ledger.redactions r
    where r.wallet_id = kept_metadata_hash.wallet_id and r.seq = kept_metadata_hash.seq
$$;

comment on function ledger_private.kept_metadata_hash is
  'The hash of the metadata that were blanked in an entry (transfer_redact); null where none were.';

grant execute on function ledger_private.kept_metadata_hash to wallet_auditor;
