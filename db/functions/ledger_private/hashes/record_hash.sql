create or replace function ledger_private.record_hash(previous_hash bytea, record_bytes bytea)
returns bytea
language sql
immutable
as $$
  select sha256(
    'ledger.record.v1'::bytea
    || coalesce(previous_hash, decode(repeat('00', 32), 'hex'))
    || record_bytes
  )
$$;

comment on function ledger_private.record_hash is
$$The hash of a row beside the entries: SHA-256 over the text ledger.record.v1, the hash of the row before it in its
chain (32 zero bytes for the first) and the bytes of the row: an array of bytea as in entry_digest, first the kind of
the row, numbers of eight bytes. There is a chain for each wallet (itself, then its events), for each asset (itself,
then its limits), one of the epochs of the feed and one of the verifications. The order is for ever.$$;

grant execute on function ledger_private.record_hash to wallet_auditor;
