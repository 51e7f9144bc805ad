create or replace function ledger_private.redaction_bytes(redaction ledger.redactions)
returns bytea
language sql
stable
as $$
  select array_send(array[
    'redaction', uuid_send(redaction.wallet_id), int8send(redaction.seq), uuid_send(redaction.transfer_id),
    redaction.metadata_hash, int8send(redaction.event_seq), redaction.reference_hash
  ])
$$;

comment on function ledger_private.redaction_bytes is
$$Every fact of a redaction as bytes: an array of bytea, as those of record_hash. SHA-256 over them is the facts_hash of
its event.$$;

grant execute on function ledger_private.redaction_bytes to wallet_auditor;
