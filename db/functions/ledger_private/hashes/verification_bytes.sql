create or replace function ledger_private.verification_bytes(verification ledger.verifications)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'verification', uuid_send(verification.id), int8send(verification.seq), timestamptz_send(verification.started_at),
    timestamptz_send(verification.finished_at), int8send(verification.findings), int8send(verification.block_seq),
    int8send(verification.kept_seals), convert_to(verification.actor, 'UTF8')
  ])
$$;

comment on function ledger_private.verification_bytes is
  'Every fact of a verification as bytes, for its hash: see record_hash.';

grant execute on function ledger_private.verification_bytes to wallet_auditor;
